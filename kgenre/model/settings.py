"""The settings of a model: audio, feature, image and network, composed from those that each declares."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, field_validator

from kgenre.archs import ARCHS, NetworkSettings
from kgenre.audio.inputs import INPUTS, SPECTROGRAM, WAVEFORM, input_of
from kgenre.audio.settings import INPUT_SETTINGS, AudioSettings, SpectrogramSettings
from kgenre.core.errors import KgenreError, check_known
from kgenre.core.settings import Settings
from kgenre.features import FEATURES, FeatureSettings
from kgenre.features.several import check_qualified, expanded, owned_names, settings_of, split_features, table_of


class ImageSettings(Settings):
    """How a spectrogram becomes the image that a network is given."""

    # Its own size: enlarging 128 rows to the 200 of Music-Genre-Analysis adds no information.
    image_height: int | None = Field(
        None, ge=8, le=4096, description="rows the spectrogram is resized to; its own if not given"
    )
    image_width: int | None = Field(
        None, ge=8, le=16384, description="columns the spectrogram is resized to; its own if not given"
    )
    # Three equal channels are three times the first convolution's work for nothing.
    image_channels: int = Field(1, ge=1, le=3, description="equal channels of the image: 1, or 3 for ImageNet networks")
    # It erases the level contour.
    frame_scaling: bool = Field(
        False, description="scale every time frame to [0, 1] by itself, as Music-Genre-Analysis did"
    )


class ModelSelection(Settings):
    """What a model is composed of. Which other settings there are depends on these."""

    arch: Literal[*ARCHS] = Field("convpool", description="network")
    input: Literal[*INPUTS] | None = Field(
        None, description="what a track is, audio or a spectrogram; as --data says if not given"
    )
    feature: str = Field(
        "logmel",
        description=f"what the network sees, of {', '.join(FEATURES)}; of several, with commas between, each has a "
        "branch of the network, and the branches are joined before the dense layers",
        json_schema_extra={"metavar": "NAME,NAME"},
    )

    @field_validator("feature", mode="before")
    @classmethod
    def _known(cls, text):
        return ",".join(split_features(text))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of those that are computed: none where the input is a spectrogram."""
        return split_features(self.feature) if self.input == WAVEFORM else ()


@dataclass(frozen=True)
class ModelSettings:
    """All settings of a model, by component.

    For users they are one flat table of names, of which a model has those that its components declare:
    `compose` reads such tables, `values` gives one.

    input: "waveform" or "spectrogram".
    audio: None where the input is a spectrogram.
    features: {feature: its settings} of those that the network sees; none where the input is a spectrogram.
    spectrogram: of spectrograms that are the input; None where it is audio.
    """

    arch: str
    input: str
    audio: AudioSettings | None
    features: dict[str, FeatureSettings]
    spectrogram: SpectrogramSettings | None
    image: ImageSettings
    network: NetworkSettings

    @property
    def slice_spec(self):
        """SliceSpec of what the model is given."""
        return (self.audio or self.spectrogram).slice_spec

    @property
    def feature(self) -> str | None:
        """As the flat table has it: names with commas between, or None where the input is a spectrogram."""
        return ",".join(self.features) or None

    def __post_init__(self):
        if self.spectrogram:
            _check_range(self.spectrogram)
        n_fft = max((getattr(own, "n_fft", 0) for own in self.features.values()), default=0)
        if n_fft and self.audio.slice_samples < n_fft:
            raise KgenreError(
                "`slice_seconds` must hold at least one frame of `n_fft` samples. Received: slice_seconds="
                f"{self.audio.slice_seconds}, n_fft={n_fft}, sample_rate_hz={self.audio.sample_rate_hz}."
            )
        _check_feature(self)

    @classmethod
    def compose(cls, *tables: dict) -> "ModelSettings":
        """The settings of flat tables; later tables win over earlier ones, and all over the rows' defaults.

        Order: the classes' defaults < the feature's row < the architecture's row < the tables.

        Raises:
            KgenreError: a wrong value, or a setting that nothing chosen has.
        """
        selection = select(ModelSelection, merged(tables))
        given = merged(expanded(table, selection.features) for table in tables)
        check_applies(given, [ModelSelection, *model_classes(selection)], chosen_rows(selection), selection.features)
        check_input(selection, given)
        return cls(**model_parts(selection, given))

    def values(self) -> dict:
        """The flat table: {name: value} of every setting that applies."""
        return {
            "arch": self.arch,
            "input": self.input,
            **({**self.audio.model_dump(), "feature": self.feature} if self.audio else self.spectrogram.model_dump()),
            **table_of(self.features),
            **self.image.model_dump(),
            **self.network.model_dump(),
        }

    def replace(self, **changes) -> "ModelSettings":
        """The same settings but for some, by their flat names."""
        return self.compose(self.values(), changes)


def merged(tables: Iterable[dict]) -> dict:
    return {name: value for table in tables for name, value in table.items()}


def select(selection: type[ModelSelection], given: dict) -> ModelSelection:
    """The selectors in a flat table, with the architecture's own for those that it leaves out."""
    arch = settings_from(selection, {name: given[name] for name in given if name == "arch"}).arch
    chosen = settings_from(selection, {**ARCHS[arch].defaults, **given})
    return chosen if chosen.input else chosen.model_copy(update={"input": input_of(getattr(chosen, "data", ""))})


def model_classes(selection: ModelSelection) -> list[type[Settings]]:
    return [*input_classes(selection), ImageSettings, ARCHS[selection.arch].settings]


def input_classes(selection: ModelSelection) -> list[type[Settings]]:
    """Of what the network is given, and of the feature that is computed from it, if any."""
    return [INPUT_SETTINGS[selection.input], *(FEATURES[feature].settings for feature in selection.features)]


def row_defaults(selection: ModelSelection) -> dict:
    """What the chosen rows set otherwise than the classes, in any component."""
    of_features, of_arch = (
        merged(FEATURES[name].defaults for name in selection.features),
        ARCHS[selection.arch].defaults,
    )
    if selection.input == SPECTROGRAM:  # rows and columns are the tracks' own: to resize them costs and gives nothing
        of_arch = {name: value for name, value in of_arch.items() if name not in ("image_height", "image_width")}
    return expanded({**of_features, **of_arch}, selection.features)


def check_input(selection: ModelSelection, given: dict) -> None:
    """Raises KgenreError where the input is not what the data are, or the settings are for the other one."""
    data = getattr(selection, "data", "")
    if selection.input == WAVEFORM and input_of(data) == SPECTROGRAM:
        raise KgenreError(f"{data}: holds spectrograms. Received: input={WAVEFORM}. Leave --input out.")
    if selection.input == SPECTROGRAM and "feature" in given:
        raise KgenreError(
            f"`feature` is computed from audio, and the tracks are spectrograms. Received: feature={given['feature']}. "
            f"Leave --feature out. `kgenre features DATA --feature {split_features(given['feature'])[0]} --out DIR` "
            "writes spectrograms of audio, of one feature."
        )


def model_parts(selection: ModelSelection, given: dict) -> dict:
    """The arguments of ModelSettings."""
    table = {**row_defaults(selection), **given}
    of_input = settings_from(INPUT_SETTINGS[selection.input], table)
    return {
        "arch": selection.arch,
        "input": selection.input,
        "audio": of_input if selection.input == WAVEFORM else None,
        "features": settings_of(selection.features, table),
        "spectrogram": of_input if selection.input == SPECTROGRAM else None,
        "image": settings_from(ImageSettings, table),
        "network": settings_from(ARCHS[selection.arch].settings, table),
    }


def settings_from(settings: type[Settings], table: dict) -> Settings:
    """An instance from those entries of a flat table that its class declares."""
    return settings(**{name: table[name] for name in settings.model_fields if name in table})


@dataclass(frozen=True)
class Chosen:
    """Rows of one table that were chosen, to tell where a setting belongs that they do not have."""

    names: tuple[str, ...]
    rows: dict[str, type[Settings]]  # of the whole table
    nothing: str = "the empty list of augmentations"  # what it is called where none is chosen


def chosen_rows(selection: ModelSelection) -> list[Chosen]:
    return [
        Chosen((selection.input,), INPUT_SETTINGS),
        Chosen(
            selection.features, {name: row.settings for name, row in FEATURES.items()}, "spectrograms that are given"
        ),
        Chosen((selection.arch,), {name: row.settings for name, row in ARCHS.items()}),
    ]


def check_applies(given: dict, classes: list[type[Settings]], chosen: list[Chosen], features: tuple[str, ...]) -> None:
    """Raises KgenreError for a name in a flat table, expanded for the features, that none of the classes declares."""
    check_qualified(given, features)
    applies = list(dict.fromkeys([*field_names(classes), *owned_names(features)]))
    for name in given:
        if name in applies:
            continue
        for choice in chosen:
            owners = [row for row, settings in choice.rows.items() if name in settings.model_fields]
            if owners:
                raise KgenreError(_not_a_setting(name, choice, owners))
        check_known("setting", name, applies)


def _not_a_setting(name: str, choice: Chosen, owners: list[str]) -> str:
    has = field_names(choice.rows[row] for row in choice.names)
    verb = "has" if len(choice.names) == 1 else "have"
    who = f"{' and '.join(choice.names)}, which {verb}: {', '.join(has)}" if has else choice.nothing
    return f"`{name}` is not a setting of {who}. It is one of {', '.join(owners)}."


def _check_feature(settings: ModelSettings) -> None:
    """Raises KgenreError for features, or settings of them, that the network cannot have been trained with."""
    if len(settings.features) > 1 and ARCHS[settings.arch].head is None:
        joining = ", ".join(name for name, row in ARCHS.items() if row.head)
        raise KgenreError(
            f"`{settings.arch}` takes one feature. Received: feature={settings.feature}. Name one with --feature, or "
            f"choose an --arch that joins several: {joining}."
        )
    known = ARCHS[settings.arch].features
    if known is None:
        return
    if settings.input == SPECTROGRAM:
        raise KgenreError(
            f"`{settings.arch}` takes the feature {' or '.join(known)} of audio, which it computes itself. "
            f"Received: input={SPECTROGRAM}. Choose another --arch."
        )
    if settings.feature not in known:
        raise KgenreError(
            f"`{settings.arch}` takes the feature {' or '.join(known)}. Received: feature={settings.feature}. "
            "Leave --feature out, or choose another --arch."
        )
    if getattr(settings.network, "weights", "none") == "none":
        return
    row, values = FEATURES[settings.feature], settings.values()
    for name, needed in {**ImageSettings().model_dump(), **row.defaults, **row.settings().model_dump()}.items():
        if values[name] != needed:
            raise KgenreError(
                f"The pretrained weights of `{settings.arch}` need {name}={needed}. Received: {name}={values[name]}. "
                "Leave it out, or start from random weights with --weights none."
            )


def _check_range(settings: SpectrogramSettings) -> None:
    low, high = settings.value_low, settings.value_high
    if low is not None and high is not None and not low < high:
        raise KgenreError(f"`value_low` must be below `value_high`. Received: value_low={low}, value_high={high}.")


def field_names(classes: Iterable[type[Settings]]) -> list[str]:
    return list(dict.fromkeys(name for settings in classes for name in settings.model_fields))
