"""Audio files: decoding, probing, slicing, reading, tags, walks through folders, fingerprints."""
