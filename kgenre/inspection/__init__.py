"""A collection looked at before training on it: its description, and tracks that it holds twice."""
