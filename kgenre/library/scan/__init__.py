"""The scan of a folder of music into a library."""
