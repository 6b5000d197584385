"""Evaluation of models on whole tracks: which tracks, their metrics, and the report."""
