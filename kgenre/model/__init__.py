"""The one graph, waveform in and probabilities out; tasks; and the way from slices to tracks."""
