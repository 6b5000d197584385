"""Pretrained weights as data: where they come from, their hash, size and licence, and how they are read."""
