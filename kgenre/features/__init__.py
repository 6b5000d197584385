"""The table of features: what the networks see, each a layer from waveform to spectrogram.

To add one, declare it in a file of this folder (its settings, how its layer is built, what its bins are) and give it
a line here. Flags, `--help`, the docs and the tests follow from the table. Importing this brings no Keras:
the layers, in layers/, are imported when one is built.
"""

from kgenre.features.chroma import CHROMA_CENS, CHROMA_CQT, CHROMA_STFT
from kgenre.features.cqt import CQT
from kgenre.features.feature import Feature, FeatureSettings
from kgenre.features.logstft import LOGSTFT
from kgenre.features.mel import LOGMEL, MUSICNN_MEL, TAGGER_MEL, VGGISH_MEL
from kgenre.features.mfcc import MFCC

__all__ = ["FEATURES", "Feature", "FeatureSettings"]

FEATURES: dict[str, Feature] = {
    "logmel": LOGMEL,
    "logstft": LOGSTFT,
    "mfcc": MFCC,
    "cqt": CQT,
    "chroma_stft": CHROMA_STFT,
    "chroma_cqt": CHROMA_CQT,
    "chroma_cens": CHROMA_CENS,
    "vggish_mel": VGGISH_MEL,
    "musicnn_mel": MUSICNN_MEL,
    "tagger_mel": TAGGER_MEL,
}
