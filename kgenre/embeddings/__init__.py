"""Embeddings of tracks and slices: extracting them and storing them in files."""
