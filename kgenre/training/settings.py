"""The settings of a run: the model's, with the collection, the augmentations, the training and the reading of files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from kgenre.archs import ARCHS
from kgenre.audio.inputs import SPECTROGRAM, WAVEFORM
from kgenre.audio.settings import INPUT_SETTINGS, READER_SETTINGS, FileSettings, ReaderSettings
from kgenre.augment import AUDIO_PLACES, AUGMENTS, listed
from kgenre.collections.settings import CollectionOptions, CollectionSettings
from kgenre.core.errors import KgenreError, check_known
from kgenre.core.settings import Settings, read_settings_file, settings_json
from kgenre.features import FEATURES
from kgenre.features.several import every_name, expanded, feature_fields
from kgenre.model.answer_settings import AnswerSettings
from kgenre.model.settings import (
    Chosen,
    ImageSettings,
    ModelSelection,
    ModelSettings,
    check_applies,
    check_input,
    chosen_rows,
    field_names,
    input_classes,
    merged,
    model_parts,
    row_defaults,
    select,
    settings_from,
)
from kgenre.training.crops import CROP_SETTINGS, RANDOM
from kgenre.training.optimizers import OPTIMIZERS, OptimizerSettings


class TrainingSettings(Settings):
    """How the weights are learnt."""

    # With a cosine to zero and the best epoch kept, more epochs cost time and nothing else.
    epochs: int = Field(
        40, ge=1, le=100000, description="epochs at most; training stops early when valid accuracy no longer rises"
    )
    patience: int = Field(
        12, ge=1, le=100000, description="epochs without a better valid track accuracy before training stops"
    )
    batch_size: int = Field(32, ge=1, le=65536, description="slices a step")
    devices: int = Field(1, ge=1, le=1024, description="devices of this machine that divide each batch")
    # For batches that do not fit into memory.
    accumulate: int = Field(
        1,
        ge=1,
        le=65536,
        description="steps whose gradients are averaged for each update of the weights: the effective batch is that "
        "many times the batch size",
    )
    # For runs that are to be compared: however many tracks they have, they learn for as long.
    steps_per_epoch: int | None = Field(
        None, ge=1, le=10**7, description="steps an epoch; those that show each crop once if not given"
    )
    # To measure what fewer labels cost, and what helps against it.
    label_share: float = Field(
        1.0, ge=0, le=1, description="share of each genre's train tracks to learn from, at least one"
    )
    balanced: bool = Field(False, description="show each genre as often, however many tracks it has")
    # Off: they raise the probabilities of rare genres above their share of the tracks.
    positive_weights: bool = Field(
        False, description="weigh a genre's presence by how much rarer it is than its absence (--task multi)"
    )
    schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="learning rate over the run: cosine to zero, or constant"
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "float32", description="of the network; spectrogram and logits stay float32"
    )
    seed: int = Field(
        0, ge=0, le=10**9, description="of what is drawn at random: weights, a new split, crops, augmentation"
    )
    # Off, for it costs time: TensorFlow's deterministic kernels, and crops read one after the other.
    deterministic: bool = Field(
        False, description="same seed, same machine: same weights to the last bit (slower on a GPU or beyond the cache)"
    )


class RunSelection(ModelSelection, CollectionSettings):
    """What a run is composed of. Which other settings there are depends on these."""

    init: str | None = Field(
        None,
        description="begin with the weights of another run, whose genres may be others; its network is the default",
        json_schema_extra={"metavar": "RUN"},
    )
    augment: tuple[Literal[*AUGMENTS], ...] = Field(("zoom",), description="what is changed at random in training")
    # Random: each epoch shows others, at a cost that does not grow with the length of the tracks.
    crops: Literal[*CROP_SETTINGS] = Field(
        RANDOM,
        description="what an epoch shows of a track: slices at random places, or the fixed ones that it is cut into "
        "when it is classified (--slice-overlap), each once",
    )
    optimizer: Literal[*OPTIMIZERS] = Field("adam", description="rule by which gradients change the weights")

    @field_validator("augment", mode="before")
    @classmethod
    def _in_the_order_of_the_table(cls, names):
        return listed(names)


@dataclass(frozen=True)
class RunSettings(ModelSettings):
    """All settings of a run, by component; as ModelSettings, one flat table of names for users.

    init: folder of the run whose weights it begins with, or None.
    collection: which genres of the data count.
    augmentations: {name: its settings}, in the order of AUGMENTS.
    crops, optimizer: names in CROP_SETTINGS and OPTIMIZERS; cropping and optimization are the settings of those.
    """

    data: str
    init: str | None
    collection: CollectionOptions
    augmentations: dict[str, Settings]
    crops: str
    cropping: Settings
    training: TrainingSettings
    optimizer: str
    optimization: OptimizerSettings
    answers: AnswerSettings
    reader: FileSettings

    @classmethod
    def compose(cls, *tables: dict) -> "RunSettings":
        """From flat tables of settings, of which later ones win.

        What an earlier table sets of a row that a later one replaces goes with it: sgd's momentum of a recipe where a
        flag says `--optimizer adam`.
        """
        selection = select(RunSelection, merged(tables))
        tables = [_without_replaced(tables[: n + 1], selection) for n in range(len(tables))]
        given = merged(expanded(table, selection.features) for table in tables)
        classes = [settings for _, part in run_sections(selection).values() for settings in part]
        check_applies(given, [RunSelection, *classes], run_rows(selection), selection.features)
        check_input(selection, given)
        if selection.input == SPECTROGRAM:
            _check_augmentations(selection)
        table = {**row_defaults(selection), **given}
        training = settings_from(TrainingSettings, table)
        _check_shares(training)
        _check_updates(training)
        return cls(
            **model_parts(selection, given),
            data=selection.data,
            init=selection.init,
            collection=settings_from(CollectionOptions, table),
            augmentations={name: settings_from(AUGMENTS[name].settings, table) for name in selection.augment},
            crops=selection.crops,
            cropping=settings_from(CROP_SETTINGS[selection.crops], table),
            training=training,
            optimizer=selection.optimizer,
            optimization=settings_from(OPTIMIZERS[selection.optimizer].settings, table),
            answers=settings_from(AnswerSettings, table),
            reader=settings_from(READER_SETTINGS[selection.input], table),
        )

    def values(self) -> dict:
        amounts = merged(settings.model_dump() for settings in self.augmentations.values())
        return {
            "data": self.data,
            **self.collection.model_dump(),
            **super().values(),
            "init": self.init,
            "augment": tuple(self.augmentations),
            **amounts,
            "crops": self.crops,
            **self.cropping.model_dump(),
            **self.training.model_dump(),
            "optimizer": self.optimizer,
            **self.optimization.model_dump(),
            **self.answers.model_dump(),
            **self.reader.model_dump(),
        }


def _without_replaced(tables: Sequence[dict], final: RunSelection) -> dict:
    """The last of some tables, without settings that those tables' own rows have and the final ones do not."""
    try:
        own = select(RunSelection, merged([*tables, {"data": final.data, "input": final.input}]))
    except KgenreError:  # then what is chosen later makes it whole
        return tables[-1]
    replaced = _names(own) - _names(final)
    return {name: value for name, value in tables[-1].items() if name not in replaced}


def _names(selection: RunSelection) -> set[str]:
    classes = [settings for _, part in run_sections(selection).values() for settings in part]
    return {*field_names(classes), *feature_fields(selection.features)}


INPUT_TITLES = {WAVEFORM: "audio", SPECTROGRAM: "spectrograms"}


def run_sections(selection: RunSelection) -> dict[str, tuple[str | None, list[type[Settings]]]]:
    """The classes whose settings a run has: {title for `--help`: (selector of the classes or None, classes)}."""
    of_input, *features = input_classes(selection)
    augmentations = [AUGMENTS[name].settings for name in selection.augment]
    return {
        "collection": ("data", [CollectionOptions]),
        f"network {selection.arch}": ("arch", [ARCHS[selection.arch].settings]),
        "start": ("init", []),
        INPUT_TITLES[selection.input]: ("input", [of_input]),
        **({f"feature {selection.feature}": ("feature", features)} if features else {}),
        "spectrogram image": (None, [ImageSettings]),
        f"augmentation {' '.join(selection.augment) or 'none'}": ("augment", augmentations),
        f"{selection.crops} crops": ("crops", [CROP_SETTINGS[selection.crops]]),
        "training": (None, [TrainingSettings]),
        f"optimizer {selection.optimizer}": ("optimizer", [OPTIMIZERS[selection.optimizer].settings]),
        "answers": (None, [AnswerSettings]),
        "machine and files": (None, [READER_SETTINGS[selection.input]]),
    }


def _check_shares(training: TrainingSettings) -> None:
    """Raises KgenreError where the devices cannot have equal shares of a batch."""
    n, size = training.devices, training.batch_size
    if size % n:
        fewer = next(fewer for fewer in range(min(n, size), 0, -1) if size % fewer == 0)
        raise KgenreError(
            f"`batch_size` must be a multiple of `devices`, each of which takes an equal share. Received: "
            f"batch_size={size}, devices={n}. Set --batch-size {size + n - size % n}, or --devices {fewer}."
        )


def _check_updates(training: TrainingSettings) -> None:
    """Raises KgenreError where an epoch would end between two updates of the weights."""
    n, steps = training.accumulate, training.steps_per_epoch
    if steps is not None and steps % n:
        raise KgenreError(
            f"`steps_per_epoch` must be a multiple of `accumulate`, so that an epoch ends with an update. Received: "
            f"steps_per_epoch={steps}, accumulate={n}. Set --steps-per-epoch {steps + n - steps % n}, or leave "
            "--accumulate out."
        )


def _check_augmentations(selection: RunSelection) -> None:
    """Raises KgenreError for those that need audio."""
    needing = [name for name in selection.augment if AUGMENTS[name].place in AUDIO_PLACES]
    if needing:
        rest = ", ".join(name for name, row in AUGMENTS.items() if row.place not in AUDIO_PLACES)
        raise KgenreError(
            f"`augment`: {' and '.join(needing)} {'need' if len(needing) > 1 else 'needs'} audio, and the tracks are "
            f"spectrograms. Received: {' '.join(selection.augment)}. Those that apply: {rest}."
        )


def run_rows(selection: RunSelection) -> list[Chosen]:
    augmentations = {name: row.settings for name, row in AUGMENTS.items()}
    optimizers = {name: row.settings for name, row in OPTIMIZERS.items()}
    return [
        *chosen_rows(selection),
        Chosen((selection.input,), READER_SETTINGS),
        Chosen(selection.augment, augmentations),
        Chosen((selection.crops,), CROP_SETTINGS, f"{selection.crops} crops"),
        Chosen((selection.optimizer,), optimizers),
    ]


def every_class() -> list[type[Settings]]:
    """The classes of all settings that some run has."""
    rows = [row.settings for table in (FEATURES, ARCHS, AUGMENTS, OPTIMIZERS) for row in table.values()]
    own = [CollectionOptions, *INPUT_SETTINGS.values(), ImageSettings, TrainingSettings, AnswerSettings, ReaderSettings]
    return [RunSelection, *own, *CROP_SETTINGS.values(), *rows]


def stored_values(path: str | Path) -> dict:
    """The settings in a config.json, as JSON has them; what a file of an earlier version lacks has its default."""
    return json.loads(settings_json(RunSettings.compose(read_settings_file(path)).values()))


def read_config(path: str | Path) -> dict:
    """Reads a .toml recipe or a run's config.json, a flat table of settings.

    Raises:
        KgenreError: unreadable, malformed, or a name that is no setting.
    """
    values, known, of_features = read_settings_file(path), field_names(every_class()), every_name()
    for name in values:
        if name not in of_features:
            check_known("setting", name, known, where=f"{path}: ")
    return values
