"""The model: its settings, and the one graph from waveform to logits."""
