"""The layers that augment in the model, waveforms or spectrograms; the identity at inference."""
