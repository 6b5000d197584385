"""Learns music genres from audio with Keras 3: waveform in, genre names out."""

__version__ = "0.1.0"
