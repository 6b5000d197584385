"""Classic classifiers on embeddings and statistics, and the head of the default model."""
