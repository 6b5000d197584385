"""Log-mel spectrograms: librosa's, VGGish's, musicnn's and torchaudio's definitions, as one layer."""

import keras
import numpy as np
from keras import ops

from kgenre.core.errors import KgenreError
from kgenre.features.layers.stft import AMIN, BandMatrix, by_frame, decibels, frame_count, hann, power_spectrum, tiny

LIBROSA_FILTERS = {"slaney": {}, "htk_hz": {"htk": True, "norm": None}}  # options of librosa.filters.mel


@keras.saving.register_keras_serializable(package="kgenre")
class LogMel(keras.layers.Layer):
    """Mel spectrogram on a logarithmic scale.

    S = M |STFT(y)|^power with a periodic Hann window. With `log="db"`: 10 log10(max(S, 1e-10)), minus
    its maximum over the example, clipped below at -top_db; so it does not depend on the example's
    level. With `log="absolute_db"`: 10 log10(max(S, 1e-10)) as it is. With `log="offset"`:
    factor * ln(gain * S + offset). An example's values never depend on its neighbours in the batch.
    Always float32, whatever the precision of the network behind it.

    Args:
        sample_rate: int, Hz.
        n_fft: int, samples of a frame.
        hop_length: int, samples between frames.
        n_mels: int, mel bands.
        fmin: float, Hz, lower edge of the lowest band.
        fmax: float or None, Hz, upper edge of the highest; None is half the sample rate.
        top_db: float, dB, range kept below the maximum; "db" only.
        win_length: int or None, samples of the window; zeros fill the frame, on both sides if centred,
            else behind. None is n_fft.
        center: bool, frames stand about multiples of the hop (librosa), or begin there (VGGish).
        power: 2 or 1, power or magnitude spectrum.
        mel_scale: "slaney", filters of equal area on Slaney's scale (librosa); "htk", filters of height
            1, triangular on the HTK scale (VGGish); or "htk_hz", filters of height 1 between the same
            edges, triangular on the frequency axis (librosa's htk=True, norm=None; torchaudio).
        log: "db", "absolute_db" or "offset".
        gain, offset, factor: float, of "offset".
        padding: "zeros", or "reflect", which mirrors the waveform at its ends (torch); of centred frames.

    Input shape: (batch, samples), float in [-1, 1].
    Output shape: (batch, frames, n_mels), float32; 1 + samples // hop_length frames if centred, else
        1 + (samples - win_length) // hop_length.

    Raises:
        KgenreError: sizes or a range that are not positive, or band edges that do not rise.

    Reference: `librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=sr), ref=np.max)`; largest
        difference on music, noise and tones within the bands 6e-4 dB down to -70 dB and 1.5e-3 dB below
        (tests/test_logmel.py), which is the float32 rounding of the transform beside the loudest bin.
        VGGish: Hershey et al. 2017; musicnn: Pons and Serra 2019 (tests/test_features.py); torchaudio's
        MelSpectrogram and AmplitudeToDB: their definition in PyTorch (tests/test_taggers.py).
    """

    def __init__(
        self,
        sample_rate=22050,
        n_fft=2048,
        hop_length=512,
        n_mels=128,
        fmin=0.0,
        fmax=None,
        top_db=80.0,
        win_length=None,
        center=True,
        power=2,
        mel_scale="slaney",
        log="db",
        gain=1.0,
        offset=1e-10,
        factor=1.0,
        padding="zeros",
        **kwargs,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.sample_rate, self.n_fft, self.hop_length, self.n_mels = sample_rate, n_fft, hop_length, n_mels
        self.fmin, self.fmax, self.top_db = fmin, fmax, top_db
        self.win_length, self.center, self.power, self.mel_scale = win_length, center, power, mel_scale
        self.log, self.gain, self.offset, self.factor = log, gain, offset, factor
        self.padding = padding
        for size in ("sample_rate", "n_fft", "hop_length", "n_mels", "top_db"):
            if getattr(self, size) <= 0:
                raise KgenreError(f"`{size}` must be positive. Received: {size}={getattr(self, size)}.")
        self.window = hann(win_length or n_fft, n_fft, center)
        self.bands = BandMatrix(mel_filters(sample_rate, n_fft, n_mels, fmin, fmax, mel_scale))

    def call(self, waveform):
        waveform = ops.cast(waveform, "float32")
        frames, center = self.frame_count(waveform.shape[1]), self.center
        if self.padding == "reflect":
            waveform, center = mirrored(waveform, self.n_fft // 2), False
        mel = by_frame(waveform, self.mel_power, self.n_fft, self.hop_length, frames, center)
        if self.log == "db":
            return decibels(mel, self.top_db)
        if self.log == "absolute_db":
            return 10.0 * ops.log10(ops.maximum(mel, tiny(AMIN, mel)))
        return self.factor * ops.log(self.gain * mel + self.offset)

    def mel_power(self, frames):
        """Frames (n, n_fft) -> power or magnitude in the mel bands (n, n_mels)."""
        spectrum = power_spectrum(frames, self.window)
        if self.power == 1:
            # The gradient of a root has no bound at 0; 1e-20 is 100 dB under the rounding of the transform.
            spectrum = ops.sqrt(ops.maximum(spectrum, tiny(1e-20, spectrum)))
        return self.bands(spectrum)

    def compute_output_shape(self, input_shape):
        frames = None if input_shape[1] is None else self.frame_count(input_shape[1])
        return (input_shape[0], frames, self.n_mels)

    def frame_count(self, samples: int) -> int:
        return frame_count(samples, self.win_length or self.n_fft, self.hop_length, self.center)

    def get_config(self):
        names = (
            "sample_rate n_fft hop_length n_mels fmin fmax top_db "
            "win_length center power mel_scale log gain offset factor padding"
        ).split()
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def mirrored(waveform, samples: int):
    """The waveform with its own mirror image at both ends: (batch, n) -> (batch, n + 2 samples); of any n."""
    n = waveform.shape[1]
    index = np.pad(np.arange(n), samples, mode="reflect").astype("int32")
    before, after = (ops.take(waveform, part, axis=1) for part in (index[:samples], index[samples + n :]))
    return ops.concatenate([before, waveform, after], axis=1)


def mel_filters(sample_rate, n_fft, n_mels, fmin, fmax, mel_scale="slaney") -> np.ndarray:
    """Mel filters, float32 (n_mels, n_fft // 2 + 1): by the name of the scale, as LogMel describes them."""
    import librosa  # only its definitions, and only when a model is built

    top = sample_rate / 2 if fmax is None else fmax
    if not 0 <= fmin < top <= sample_rate / 2:
        raise KgenreError(
            "`fmin_hz` must be below `fmax_hz`, and that at most half the sample rate. "
            f"Received: fmin_hz={fmin}, fmax_hz={top}, sample_rate_hz={sample_rate}."
        )
    if mel_scale in LIBROSA_FILTERS:
        options = LIBROSA_FILTERS[mel_scale]
        filters = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=top, **options)
        return filters.astype("float32")
    return htk_filters(sample_rate, n_fft, n_mels, fmin, top)


def mel_hz(sample_rate, n_mels, fmin, fmax, mel_scale="slaney") -> np.ndarray:
    """Centre of each band of `mel_filters`: float64 (n_mels,) Hz."""
    import librosa

    top = sample_rate / 2 if fmax is None else fmax
    if mel_scale == "slaney":
        return librosa.mel_frequencies(n_mels + 2, fmin=fmin, fmax=top)[1:-1]
    return 700.0 * np.expm1(np.linspace(_mel(fmin), _mel(top), n_mels + 2)[1:-1] / 1127.0)


def htk_filters(sample_rate, n_fft, n_mels, fmin, fmax) -> np.ndarray:
    """Filters that are triangles on the mel axis itself, of height 1; the zero bin counts nowhere.

    mel(f) = 1127 ln(1 + f / 700). librosa's HTK filters, "htk_hz", are triangles on the frequency axis instead.
    """
    edges = np.linspace(_mel(fmin), _mel(fmax), n_mels + 2)
    bins = _mel(np.arange(n_fft // 2 + 1) * sample_rate / n_fft)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    filters = np.maximum(0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)))
    filters[:, 0] = 0
    return filters.astype("float32")


def _mel(hz):
    return 1127.0 * np.log1p(np.asarray(hz) / 700.0)
