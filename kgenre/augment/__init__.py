"""Augmentation layers: active in training, the identity at inference."""
