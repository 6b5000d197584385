"""The layers that compute the features: waveform in, spectrogram out; in keras.ops, for every backend."""
