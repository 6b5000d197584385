"""The map of a library: laid out, updated, measured."""

METHODS = ("tsne", "umap")  # the first one is the default
