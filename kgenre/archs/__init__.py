"""The table of architectures, each from spectrogram image to embedding.

To add one, declare it in a file of this folder (its settings, its layers) and give it a line here. Flags, `--help`,
the table in docs/networks.md and the tests follow from the table.
"""

from kgenre.archs.arch import Arch, NetworkSettings
from kgenre.archs.bandattn import BANDATTN
from kgenre.archs.bbnn import BBNN
from kgenre.archs.cnn import FREQCNN, SQUARECNN, TEMPCNN
from kgenre.archs.convpool import CONVCONVPOOL, CONVPOOL
from kgenre.archs.efficientnet import EFFICIENTNET_LITE0
from kgenre.archs.homebrew import HOMEBREW
from kgenre.archs.melcrop import MELCROP
from kgenre.archs.musicnn import MUSICNN
from kgenre.archs.recurrent import CRNN, CRNN_PARALLEL
from kgenre.archs.resnet import RESNET50
from kgenre.archs.resnet18 import RESNET18
from kgenre.archs.short_fcn import SHORT_FCN
from kgenre.archs.taggers import FCN, TAGGER_CRNN
from kgenre.archs.vggish import VGGISH

__all__ = ["ARCHS", "Arch", "NetworkSettings"]

ARCHS: dict[str, Arch] = {
    "convpool": CONVPOOL,
    "convconvpool": CONVCONVPOOL,
    "resnet50": RESNET50,
    "resnet18": RESNET18,
    "efficientnet_lite0": EFFICIENTNET_LITE0,
    "homebrew": HOMEBREW,
    "melcrop": MELCROP,
    "freqcnn": FREQCNN,
    "tempcnn": TEMPCNN,
    "squarecnn": SQUARECNN,
    "bbnn": BBNN,
    "crnn": CRNN,
    "crnn_parallel": CRNN_PARALLEL,
    "musicnn": MUSICNN,
    "fcn": FCN,
    "tagger_crnn": TAGGER_CRNN,
    "short_fcn": SHORT_FCN,
    "vggish": VGGISH,
    "bandattn": BANDATTN,
}
