"""The rows of a grid: each is one run, of one configuration with one seed, made by a command of its own."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kgenre.baselines.classifiers import classifier_names
from kgenre.collections.settings import CollectionOptions
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_text
from kgenre.core.settings import read_settings_file, settings_json
from kgenre.training.run import network_of
from kgenre.training.settings import RunSettings, stored_values
from kgenre.training.start import CHANGEABLE_ON_RESUME

SAME_RESULT = CHANGEABLE_ON_RESUME - {"patience"}  # what may differ when a command is typed again


@dataclass(frozen=True, eq=False)
class Row:
    """One run of a grid.

    configuration: what the seeds of it share, as the table shows it: ARCH-FEATURE, or CLASSIFIER-VECTORS.
    seed: of it.
    settings: a flat table that decides its result.
    network: RunSettings; None of a classifier.
    shares: rows of the same name here wait for each other, "" for none: they keep vectors in one file.
    """

    configuration: str
    seed: int
    settings: dict
    network: RunSettings | None = None
    shares: str = ""

    @classmethod
    def of_network(cls, configuration: str, settings: RunSettings) -> "Row":
        """The row of a network with these settings, and their seed."""
        return cls(configuration, settings.training.seed, json.loads(settings_json(settings.values())), settings)

    @property
    def name(self) -> str:
        """Of its run folder."""
        return f"{self.configuration}-seed-{self.seed}"

    def folder(self, out: Path) -> Path:
        return out / self.name

    def settings_file(self, out: Path) -> Path:
        return out / "rows" / f"{self.name}.json"

    def log(self, out: Path) -> Path:
        return out / "logs" / f"{self.name}.log"

    def begun(self, out: Path) -> bool:
        return self.folder(out).exists()

    def finished(self, out: Path) -> bool:
        return (self.folder(out) / "metrics.json").is_file()

    def command(self, out: Path) -> list[str]:
        """The command line of its process; one that was begun is gone on with."""
        python = [sys.executable, "-m"]
        if self.network is None:
            vectors = out / "vectors" / self.shares
            kept = ["--vectors", str(vectors), "--out", str(self.folder(out))]
            return [*python, "kgenre.baseline", *_flags(self.settings), *kept]
        begun = ["--resume"] if self.begun(out) else []
        own = ["--config", str(self.settings_file(out)), "--out", str(self.folder(out))]
        return [*python, "kgenre.train", *own, *begun]


def grid_rows(
    file_values: dict,
    given: dict,
    archs: Sequence[str],
    features: Sequence[str],
    classifiers: Sequence[str],
    on: Sequence[str],
    seeds: int,
) -> list[Row]:
    """The rows that a command names: of networks, then of classic classifiers.

    Args:
        file_values, given: settings of a file and of flags.
        on: what the classifiers' vectors are; none for stats.

    Raises:
        KgenreError: nothing is named, or a setting does not apply.
    """
    if not archs and not classifiers:
        raise KgenreError("Nothing to compare. Name networks with --arch, classic classifiers with --classifier.")
    for flag, names, needs, owners in (("feature", features, "arch", archs), ("on", on, "classifier", classifiers)):
        if names and not owners:
            raise KgenreError(f"`--{flag}` is for --{needs}. Received: --{flag} {','.join(names)} alone.")
    if "data" not in {**file_values, **given}:
        raise KgenreError("`kgenre compare` needs a collection. Name it with --data.")
    if not archs:
        check_given(given, "with --arch")
    rows = network_rows(file_values, given, archs, features, seeds)
    names = list(dict.fromkeys(name for one in classifiers for name in classifier_names(one)))
    settings = rows[0].network if rows else RunSettings.compose(file_values, given)
    return [*rows, *classifier_rows(settings, names, on or ("stats",), seeds)]


# What the rows of classic classifiers take of the settings of a run.
OF_CLASSIFIERS = (*CollectionOptions.model_fields, "data", "seed", "input", "workers", "max_bad_share", "decoder")


def check_given(given: dict, how: str) -> None:
    """Raises KgenreError for a setting of networks where there are none; `how` to name some, in words."""
    for name in given:
        if name not in OF_CLASSIFIERS:
            raise KgenreError(
                f"`{name}` is a setting of networks, and no row is one. Name some {how}, or leave it out."
            )


def check_label_share(share: float, classifiers: str) -> None:
    """Raises KgenreError where networks learn from a share of the labels; `classifiers`: what names them."""
    if share < 1:
        raise KgenreError(
            "`label_share` is of networks: classic classifiers would be given all labels beside them. Received: "
            f"label_share={share:g}. Leave out --label-share or {classifiers}."
        )


def network_rows(
    file_values: dict, given: dict, archs: Sequence[str], features: Sequence[str], seeds: int
) -> list[Row]:
    """A row for each architecture, feature and seed; without features each architecture has its own.

    Args:
        file_values, given: settings, those given win. Seeds are counted from theirs.

    Raises:
        KgenreError: settings that some rows cannot have, with the names of these rows.
    """
    rows, wrong, both = [], {}, {**file_values, **given}
    for arch in archs:
        for feature in features or (None,):
            chosen = {"arch": arch} | ({"feature": feature} if feature else {})
            try:
                start = network_of(both.get("init"), {**both, **chosen})
                settings = RunSettings.compose(start, file_values, {**given, **chosen})
            except KgenreError as error:
                wrong.setdefault(str(error), []).append("-".join(chosen.values()).replace(",", "+"))
                continue
            name = "-".join(filter(None, (arch, "+".join(settings.features))))
            for seed in range(settings.training.seed, settings.training.seed + seeds):
                rows.append(Row.of_network(name, settings.replace(seed=seed)))
    if wrong:
        error, names = next(iter(wrong.items()))
        raise KgenreError(f"{', '.join(names)}: {error}")
    return rows


def classifier_rows(settings: RunSettings, names: Sequence[str], on: Sequence[str], seeds: int) -> list[Row]:
    """A row for each classic classifier, source of vectors and seed.

    Args:
        settings: whose collection, seed and reading of files they take.
        names: rows of CLASSIFIERS.
        on: what the vectors are, as `kgenre baseline --on` takes it.

    Raises:
        KgenreError: networks learn from a share of the labels, and classifiers would be given all.
    """
    if names:
        check_label_share(settings.training.label_share, "--classifier")
    rows, first = [], settings.training.seed
    for source in on:
        for name in names:
            for seed in range(first, first + seeds):
                own = {"on": source, "classifier": name}
                rows.append(classifier_row(f"{name}-{short_name(source)}", settings, own, seed))
    return rows


def classifier_row(configuration: str, settings: RunSettings, own: dict, seed: int) -> Row:
    """One row of a classic classifier; `own` is what `kgenre baseline` is asked for, the rest as `classifier_rows`."""
    reading = settings.reader.model_dump(include={"workers", "max_bad_share", "decoder"})
    options = {name: value for name, value in settings.collection if value not in (None, False)}
    own = {"on": own["on"], "data": settings.data, **own, "seed": seed, **options, **reading}
    return Row(configuration, seed, own, shares=short_name(own["on"]))


def short_name(source: str) -> str:
    """The last part of a path that is not the same for all models."""
    parts = [part for part in Path(source).parts if part not in ("saved_model", "1", "models", os.sep)]
    return Path(parts[-1]).stem.replace(":", "-").replace(",", "-") if parts else "vectors"


def _flags(settings: dict) -> list[str]:
    flags = []
    for name, value in settings.items():
        flag = "--" + name.replace("_", "-")
        flags += [flag] if value is True else [flag, str(value)]
    return flags


def keep_settings(rows: Sequence[Row], out: Path) -> None:
    """Writes the settings of each row into the folder; those that are there must be the same.

    Epochs may differ of a row that was not begun: a budget leaves it others.

    Raises:
        KgenreError: two rows of one name, or a row that was begun with other settings.
    """
    names = [row.name for row in rows]
    if twice := [name for name in names if names.count(name) > 1]:
        raise KgenreError(f"Rows of a grid need names of their own. Received twice: {twice[0]}. Compare them apart.")
    for row in rows:
        path = row.settings_file(out)
        read = read_settings_file if row.network is None else stored_values
        before = read(path) if path.is_file() else row.settings
        free = SAME_RESULT if row.begun(out) else SAME_RESULT | {"epochs"}
        for name in sorted({*before, *row.settings} - free):
            if before.get(name) != row.settings.get(name):
                raise KgenreError(
                    f"{out}: holds {row.name} of other settings. Received: {name}={row.settings.get(name)}, begun with "
                    f"{before.get(name)}. Repeat the first command, or name another folder with --out."
                )
    for row in rows:
        path = row.settings_file(out)
        path.parent.mkdir(exist_ok=True)
        write_text(path, settings_json(row.settings))
