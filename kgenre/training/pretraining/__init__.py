"""Pre-training: a network learns without labels to know a song by any part of it, as the start of a training."""
