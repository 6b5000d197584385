"""Comparison of architectures, features and classifiers: the grid of runs, its cost, its table, paired tests."""
