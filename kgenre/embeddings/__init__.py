"""Embeddings of tracks: computing them, and the files that keep them."""

POOLS = ("mean", "max", "concat")  # ways from the embeddings of slices to one vector for the track
