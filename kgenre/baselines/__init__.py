"""Classic classifiers on one vector for each track, and the linear head of the default model."""
