"""The map of a library: its layout, and keeping it up to date."""
