"""The one home of defaults: every setting of a model and its training, with its reason."""

import dataclasses
import json
import tomllib
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from kgenre.archs import ARCHS
from kgenre.archs.cnn import BLOCK_PLACES, BLOCKS
from kgenre.archs.pools import POOLS
from kgenre.archs.recurrent import CELLS
from kgenre.audio.slicing import SliceSpec
from kgenre.augment import AUGMENTS
from kgenre.core.errors import KgenreError, check_known
from kgenre.features import FEATURES


def _of(default, help: str, choices: Iterable[str] | None = None):
    return field(default=default, metadata={"help": help, "choices": choices and tuple(choices)})


@dataclass(frozen=True)
class Config:
    """All settings. Order of precedence: these < the feature's < the architecture's < `--config FILE` < flags.

    Raises:
        KgenreError: a value outside its range, naming the rule and what was received.
    """

    data: str = _of("demo", "demo, a folder of genre folders, or a CSV/Parquet manifest with path and genre")
    arch: str = _of("convpool", "network", ARCHS)

    # Audio. 22 050 Hz holds all that the mel bands below look at; 256 frames (5.94 s) hold a bar or two at
    # any tempo, and several short crops a track teach more than one long one of the same cost.
    sample_rate_hz: int = _of(22050, "rate that audio is resampled to")
    slice_seconds: float = _of(5.94, "length of the slices that the network sees")
    slice_overlap: float = _of(0.0, "share that neighbouring slices of a track have in common when it is classified")

    # Spectrogram: librosa's defaults, so that figures compare with the literature's.
    feature: str = _of("logmel", "what the network looks at", FEATURES)
    n_fft: int = _of(2048, "samples of a frame")
    hop_length: int = _of(512, "samples between frames")
    n_mels: int = _of(128, "mel bands")
    fmin_hz: float = _of(0.0, "lower edge of the lowest band")
    fmax_hz: float | None = _of(None, "upper edge of the highest band; half the sample rate if not given")
    top_db: float = _of(80.0, "range kept below the maximum")

    # Picture. One channel at the spectrogram's own size: R1's three equal channels are three times the first
    # convolution's work for nothing, its enlargement from 128 to 200 rows adds no information, and its
    # scaling of every time frame by itself erases the level contour.
    image_height: int | None = _of(None, "rows the spectrogram is resized to; its own if not given")
    image_width: int | None = _of(None, "columns the spectrogram is resized to; its own if not given")
    image_channels: int = _of(1, "equal channels of the picture: 1, or 3 for ImageNet networks")
    frame_scaling: bool = _of(False, "scale every time frame to [0, 1] by itself, as R1 did")

    # Network.
    dropout: float = _of(0.5, "dropout before and after the dense layer, as published")
    # Keras's 0.99 needs some 500 steps to forget its start; a small collection has 30 an epoch, and a model
    # that learns would be judged on statistics that it does not have (valid at chance for 6 epochs, measured).
    bn_momentum: float = _of(0.9, "share of the old batch-normalisation statistics that a step keeps")
    weights: str = _of(
        "auto",
        "resnet50, vggish: auto (pretrained if to be had), none, imagenet or hub by name, or a file or hub folder; "
        "musicnn: msd, mtt, none",
    )
    unfreeze: int = _of(8, "resnet50, vggish, musicnn: top layers of the backbone that train; -1 for all")
    pooling: str = _of("average", "resnet50: global average, or flatten as R1 did", ("average", "flatten"))
    scaling: str = _of(
        "imagenet", "resnet50: pixel scaling its weights expect, or unit as R1 did", ("imagenet", "unit")
    )

    block: str = _of("basic", "CNNs of R4: what stands in for a convolution", BLOCKS)
    block_at: str = _of("second", "CNNs of R4: the convolutions that it stands in for", BLOCK_PLACES)
    rnn: str = _of("gru", "crnn, crnn_parallel: recurrent cell", CELLS)
    bidirectional: bool = _of(False, "crnn, crnn_parallel: read the frames both ways")
    pool: str = _of("mean", "vggish: what joins the embeddings of a slice's patches", POOLS)

    # Augmentation, in training only. Each name below has its strength behind it, which counts where it is listed.
    augment: tuple[str, ...] = _of(("zoom",), "what is changed at random in training", AUGMENTS)
    # A tenth is what two performances of a song differ by; much more, and a ballad becomes a dance.
    tempo_range: float = _of(0.1, "tempo: factors from [1 - t, 1 + t]")
    # Two semitones either way change the key, which tells no genre, and not yet the voices.
    pitch_semitones: float = _of(2.0, "pitch: semitones up or down at most")
    mixup_alpha: float = _of(0.2, "mixup: a of the Beta(a, a) that shares are drawn from")  # as published
    gain_db: float = _of(6.0, "gain: dB up or down at most")  # most of what decades of mastering differ by
    shift_share: float = _of(0.5, "shift: share of the width at most, either way; 0.5 is any place")
    zoom_range: float = _of(0.3, "zoom: height and width are scaled by factors from [1 - z, 1 + z]; 0 for none")
    noise_std: float = _of(0.05, "noise: standard deviation in a picture of [0, 1]; 0.05 is 4 dB of 80")
    # Two masks of up to 15 % each way hide a quarter of the picture on average.
    mask_share: float = _of(0.15, "specaugment: share of height or width that one of its four masks takes at most")

    # Training.
    epochs: int = _of(40, "epochs at most; training stops early when valid accuracy no longer rises")
    patience: int = _of(12, "epochs without a better valid track accuracy before training stops")
    batch_size: int = _of(32, "slices a step")
    crops_per_track: int = _of(4, "random slices of each track an epoch")
    balanced: bool = _of(False, "show each genre as often, however many tracks it has")
    learning_rate: float = _of(1e-3, "Adam's, at the start")
    schedule: str = _of("cosine", "learning rate over the run: cosine to zero, or constant", ("cosine", "constant"))
    precision: str = _of(
        "float32", "of the network; spectrogram and logits stay float32", ("float32", "mixed_bfloat16", "mixed_float16")
    )
    seed: int = _of(0, "of weights, split, crops and augmentation")
    cache_gib: float = _of(2.0, "memory for decoded audio; what does not fit is decoded again each epoch")
    workers: int = _of(2, "decoding threads")
    max_bad_share: float = _of(0.1, "share of unusable files beyond which training gives up")

    def __post_init__(self):
        for row in dataclasses.fields(self):
            object.__setattr__(self, row.name, normalize(row.name, getattr(self, row.name)))
            _check_type(row, getattr(self, row.name))
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise KgenreError(f"`{name}` must be from {low:g} to {high:g}. Received: {name}={value}.")
        if self.slice_samples < self.n_fft:
            raise KgenreError(
                "`slice_seconds` must hold at least one frame of `n_fft` samples. "
                f"Received: slice_seconds={self.slice_seconds}, n_fft={self.n_fft}, sample_rate_hz={self.sample_rate_hz}."
            )

    @property
    def slice_samples(self) -> int:
        return round(self.slice_seconds * self.sample_rate_hz)

    @property
    def hop_samples(self) -> int:
        """Samples between the starts of neighbouring slices."""
        return max(1, round(self.slice_samples * (1 - self.slice_overlap)))

    @property
    def slice_spec(self) -> SliceSpec:
        return SliceSpec(self.sample_rate_hz, self.slice_samples, self.hop_samples)


# What --help puts together, by the first setting of each; the order is the class's.
SECTIONS = {
    "data": "what to learn from, and how",
    "sample_rate_hz": "audio",
    "feature": "spectrogram",
    "image_height": "picture",
    "dropout": "network",
    "augment": "augmentation",
    "epochs": "training",
    "cache_gib": "machine and files",
}


_RANGES = (
    ("sample_rate_hz", 1000, 384000),
    ("slice_seconds", 0.1, 600),
    ("slice_overlap", 0, 0.95),
    ("n_fft", 16, 65536),
    ("hop_length", 1, 65536),
    ("n_mels", 1, 1024),
    ("top_db", 1, 300),
    ("image_height", 8, 4096),
    ("image_width", 8, 16384),
    ("dropout", 0, 0.95),
    ("bn_momentum", 0, 0.9999),
    ("unfreeze", -1, 1000),
    ("tempo_range", 0, 0.5),
    ("pitch_semitones", 0, 12),
    ("mixup_alpha", 0.01, 100),
    ("gain_db", 0, 60),
    ("shift_share", 0, 0.5),
    ("zoom_range", 0, 0.95),
    ("noise_std", 0, 1),
    ("mask_share", 0, 1),
    ("epochs", 1, 100000),
    ("patience", 1, 100000),
    ("batch_size", 1, 65536),
    ("crops_per_track", 1, 10000),
    ("learning_rate", 1e-9, 10),
    ("seed", 0, 10**9),
    ("cache_gib", 0, 4096),
    ("workers", 1, 256),
    ("max_bad_share", 0, 1),
    ("image_channels", 1, 3),
)


def make_config(file_values: dict, flag_values: dict) -> Config:
    """The effective config: defaults < the feature's < the architecture's < the file's < the flags."""
    given = {**file_values, **flag_values}
    arch = given.get("arch", Config.arch)
    check_known("arch", arch, ARCHS)
    feature = given.get("feature", ARCHS[arch].defaults.get("feature", Config.feature))
    check_known("feature", feature, FEATURES)
    config = Config(**{**FEATURES[feature].defaults, **ARCHS[arch].defaults, **given})
    _check_feature(config)
    return config


def _check_feature(config: Config) -> None:
    """Raises KgenreError for a feature, or settings of it, that the network cannot have been made for."""
    known = ARCHS[config.arch].features
    if known is not None and config.feature not in known:
        raise KgenreError(
            f"`{config.arch}` takes the feature {' or '.join(known)}. Received: feature={config.feature}. "
            "Leave --feature out, or choose another --arch."
        )
    if known is None or config.weights == "none":
        return
    picture = {name: getattr(Config, name) for name in _PICTURE}
    for name, needed in {**picture, **FEATURES[config.feature].defaults}.items():
        if getattr(config, name) != needed:
            raise KgenreError(
                f"The pretrained weights of `{config.arch}` need {name}={needed}. "
                f"Received: {name}={getattr(config, name)}. Leave it out, or start from random weights "
                "with --weights none."
            )


_PICTURE = ("image_height", "image_width", "image_channels", "frame_scaling")


def read_config(path) -> dict:
    """Reads a .toml recipe or a run's config.json.

    Raises:
        KgenreError: unreadable, malformed, or a name that is no setting.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise KgenreError(f"{path}: not a readable .toml or .json config ({error}).") from error
    if not isinstance(values, dict):
        raise KgenreError(f"{path}: a config is a table of settings. Received: {type(values).__name__}.")
    for name in values:
        check_known("setting", name, [row.name for row in dataclasses.fields(Config)], where=f"{path}: ")
    return values


def config_json(config: Config) -> str:
    return json.dumps(dataclasses.asdict(config), indent=2) + "\n"


def field_type(row) -> tuple[type, bool]:
    """The plain type of a field and whether it may be None."""
    if isinstance(row.type, types.UnionType):
        plain = [part for part in typing.get_args(row.type) if part is not types.NoneType]
        return plain[0], True
    return typing.get_origin(row.type) or row.type, False


def normalize(name: str, value):
    """A setting as Config holds it: a list of names in the table's order, each once; "none" alone is no name."""
    row = Config.__dataclass_fields__[name]
    if field_type(row)[0] is not tuple or not isinstance(value, (list, tuple)):
        return value
    if list(value) == ["none"]:
        return ()
    known = row.metadata["choices"]
    if not all(part in known for part in value):  # for the check to tell
        return tuple(value)
    return tuple(part for part in known if part in value)


def _check_type(row, value) -> None:
    plain, optional = field_type(row)
    if plain is tuple:
        _check_names(row, value)
        return
    accepted = (int, float) if plain is float else plain
    wrong = not isinstance(value, accepted) or (isinstance(value, bool) and plain is not bool)
    if wrong and not (optional and value is None):
        raise KgenreError(f"`{row.name}` must be {plain.__name__}. Received: {row.name}={value!r}.")
    if row.metadata["choices"]:
        check_known(row.name, value, row.metadata["choices"])


def _check_names(row, value) -> None:
    if not isinstance(value, tuple) or not all(isinstance(part, str) for part in value):
        raise KgenreError(f"`{row.name}` must be a list of names. Received: {row.name}={value!r}.")
    if "none" in value:
        raise KgenreError(f"`{row.name}`: none stands alone. Received: {' '.join(value)}.")
    for part in value:
        check_known(row.name, part, row.metadata["choices"])
