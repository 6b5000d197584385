"""The table of architectures: one row, one builder, from picture to embedding.

To add one, write a builder in a file of this folder and give it a row here. The command line's
choices, the README's table and the tests follow from the table.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from kgenre.archs.bandattn import bandattn
from kgenre.archs.bbnn import bbnn
from kgenre.archs.cnn import freqcnn, squarecnn, tempcnn
from kgenre.archs.convpool import convconvpool, convpool
from kgenre.archs.homebrew import homebrew
from kgenre.archs.melcrop import melcrop
from kgenre.archs.musicnn import musicnn
from kgenre.archs.recurrent import crnn, crnn_parallel
from kgenre.archs.resnet import resnet50, resolve_imagenet
from kgenre.archs.resnet18 import resnet18
from kgenre.archs.vggish import resolve_module, vggish


@dataclass(frozen=True)
class Arch:
    """One row of ARCHS.

    build: picture (batch, height, width, channels) in [0, 1], and keyword values of the config named
        in `takes` -> embedding (batch, d).
    says: what it is, for the README's table and `--help`.
    source: the system or paper it is from.
    takes: the names of the config's fields that the builder reads.
    defaults: config values that differ from the general ones for this network.
    resolve: what depends on the machine: config -> values to replace in it, settled before training
        and recorded with the run.
    features: names of the features that it takes; None for any. Pretrained weights need them at their
        own settings.
    least_rows: rows that a picture must have; a feature of fewer bins needs --image-height.
    """

    build: Callable
    says: str
    source: str
    takes: tuple[str, ...] = ("dropout",)
    defaults: dict = field(default_factory=dict)
    resolve: Callable = lambda config: {}
    features: tuple[str, ...] | None = None
    least_rows: int = 1


# R4 looks at 640 frames of hop 1024: whole clips of 30 s, one at a time.
_R4 = "CNNs and RNNs on FMA-small"
_R4_DEFAULTS = {"feature": "cqt", "hop_length": 1024, "slice_seconds": 29.7, "crops_per_track": 2, "batch_size": 16}
_BLOCKS = ("block", "block_at", "dropout")

ARCHS = {
    "convpool": Arch(convpool, "four conv-pool blocks, dense 1024", "Music-Genre-Analysis", least_rows=118),
    "convconvpool": Arch(
        convconvpool, "two double conv-pool blocks, dense 1024", "Music-Genre-Analysis", least_rows=32
    ),
    "resnet50": Arch(
        resnet50,
        "ImageNet ResNet50, top layers unfrozen, global average pool, dense 1024",
        "Music-Genre-Analysis; He et al. 2016",
        takes=("dropout", "weights", "unfreeze", "pooling", "scaling"),
        # A pretrained backbone wants three channels, small steps and few epochs; R1's zoom for it was 0.4.
        defaults={"image_channels": 3, "zoom_range": 0.4, "learning_rate": 3e-4, "epochs": 20, "patience": 8},
        resolve=resolve_imagenet,
        least_rows=32,
    ),
    "resnet18": Arch(
        resnet18,
        "ResNet18, global average pool",
        "ATML GTZAN; He et al. 2016",
        takes=("weights", "unfreeze"),
        # Nobody ships ImageNet weights of it for Keras: from scratch unless a file is named.
        defaults={"feature": "logstft", "weights": "none", "unfreeze": -1, "learning_rate": 3e-4},
    ),
    "homebrew": Arch(
        homebrew,
        "four tall convolutions on 216 x 216 log-frequency pictures, dense 364-182",
        "ATML GTZAN",
        defaults={"feature": "logstft", "image_height": 216, "image_width": 216},
    ),
    "melcrop": Arch(
        melcrop,
        "five conv blocks on 128 x 128 mel crops of 4 s, dense 256",
        "Song-genre CNN; Elbir and Aydin 2020",
        defaults={"sample_rate_hz": 16000, "slice_seconds": 4.08, "crops_per_track": 6},
        least_rows=32,
    ),
    "freqcnn": Arch(
        freqcnn, "1 x 5 convolutions along time, frequency by frequency", _R4, takes=_BLOCKS, defaults=_R4_DEFAULTS
    ),
    "tempcnn": Arch(
        tempcnn, "a convolution over all frequencies, then 1 x 5 along time", _R4, takes=_BLOCKS, defaults=_R4_DEFAULTS
    ),
    "squarecnn": Arch(squarecnn, "3 x 3 convolutions of 8, 32, 128, 256", _R4, takes=_BLOCKS, defaults=_R4_DEFAULTS),
    "bbnn": Arch(
        bbnn,
        "three Inception blocks that broadcast their input",
        f"{_R4}; Liu et al. 2019",
        takes=(),
        defaults=_R4_DEFAULTS,
    ),
    "crnn": Arch(
        crnn,
        "square CNN, then an LSTM or GRU of 128",
        _R4,
        takes=("rnn", "bidirectional", *_BLOCKS),
        defaults=_R4_DEFAULTS,
    ),
    "crnn_parallel": Arch(
        crnn_parallel,
        "square CNN beside an LSTM or GRU of 128",
        _R4,
        takes=("rnn", "bidirectional", *_BLOCKS),
        defaults=_R4_DEFAULTS,
    ),
    "musicnn": Arch(
        musicnn,
        "musicnn's front end of tall and wide filters, mid end and 200-d embedding, trained to tag music",
        "Pons and Serra 2019",
        takes=("weights", "unfreeze", "dropout"),
        # Slices of 187 frames, as it was trained on. Frozen until told otherwise: a few hundred tracks spoil it.
        defaults={
            "feature": "musicnn_mel",
            "slice_seconds": 2.98,
            "weights": "msd",
            "unfreeze": 0,
            "augment": (),
            "crops_per_track": 6,
        },
        features=("musicnn_mel",),
    ),
    "vggish": Arch(
        vggish,
        "VGGish on patches of 0.96 s, weights of TF-Hub, top layers unfrozen, dense 256",
        "Genre_Pred; Hershey et al. 2017",
        takes=("dropout", "weights", "unfreeze", "pool"),
        # Five patches and no frame over: R2 took the 31 of a clip at once, six times the cost of a slice, where
        # short crops from anywhere in a track teach more. A pretrained network wants small steps and few
        # epochs, and its filters know the one size of a mel band: no zoom.
        defaults={
            "feature": "vggish_mel",
            "slice_seconds": 4.815,
            "augment": (),
            "learning_rate": 1e-4,
            "epochs": 20,
            "patience": 8,
        },
        resolve=resolve_module,
        features=("vggish_mel",),
    ),
    "bandattn": Arch(
        bandattn,
        "tall first filters, four conv-pool blocks, attention over time; balanced genres and SpecAugment in training",
        "kgenre",
        # Slices of 3 s: many short ones teach more than a few long ones of the same cost. Without the masks valid
        # accuracy was 41 % in place of 48 %, cross-entropy 1.95 in place of 1.5 (GTZAN part, 8 epochs, two seeds).
        defaults={
            "slice_seconds": 2.98,
            "n_mels": 96,
            "hop_length": 441,
            "augment": ("specaugment",),
            "crops_per_track": 6,
            "balanced": True,
            "epochs": 12,
        },
    ),
}
