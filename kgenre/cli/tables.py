"""The tables of the registries, as Markdown: what the documents show is made from the rows."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.core.files import write_text


def update_file(path: Path, tables: Mapping[str, Callable[[], str]] | None = None) -> None:
    """Replaces the tables between their marks in a Markdown file.

    Raises:
        KgenreError: as `updated`, or the file cannot be read.
    """
    write_text(path, updated(_read(path), path, tables))


def check_marks(path: Path, tables: Sequence[str]) -> None:
    """Raises KgenreError where `update_file` would, before there are tables of these names."""
    updated(_read(path), path, dict.fromkeys(tables, str))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KgenreError(f"{path}: not a readable text file ({error}).") from error


def updated(text: str, name: Path, tables: Mapping[str, Callable[[], str]] | None = None) -> str:
    """The text with each table replaced between its marks, `<!-- table: NAME -->` and `<!-- end -->`.

    Args:
        tables: {NAME: its text}; TABLES if not given.

    Raises:
        KgenreError: no mark in the text, or one without an end.
    """
    tables = TABLES if tables is None else tables
    found = [table for table in tables if f"<!-- table: {table} -->" in text]
    if not found:
        raise KgenreError(
            f"{name}: no place for a table. Write `<!-- table: NAME -->` and `<!-- end -->` where it goes."
        )
    for table in found:
        begin = f"<!-- table: {table} -->"
        before, _, rest = text.partition(begin)
        _, end, after = rest.partition("<!-- end -->")
        if not end:
            raise KgenreError(f"{name}: the table {table} has no end. Write `<!-- end -->` below `{begin}`.")
        text = f"{before}{begin}\n{tables[table]()}\n{end}{after}"
    return text


def arch_table() -> str:
    from kgenre.archs import ARCHS

    rows = []
    for name, arch in ARCHS.items():
        count = f"{parameters(name):,}".replace(",", " ")
        rows.append((f"`{name}`", arch.description, arch.source, accepted(name), count))
    return markdown(("`--arch`", "what it is", "from", "`--feature`", "parameters (10 genres)"), rows)


def model_settings(arch: str, **values):
    """An architecture's own settings, but for what is given, with random weights."""
    from kgenre.archs import ARCHS
    from kgenre.model.settings import ModelSettings

    random = {"weights": "none"} if "weights" in ARCHS[arch].settings.model_fields else {}
    return ModelSettings.compose({"arch": arch, **random, **values})


def accepted(name: str) -> str:
    """The features that an architecture accepts as they are, what the others need, and whether it joins several."""
    from kgenre.archs import ARCHS
    from kgenre.features import FEATURES

    arch = ARCHS[name]
    if arch.features:
        return ", ".join(f"`{feature}`" for feature in arch.features)
    small = []
    for feature, row in FEATURES.items():
        settings = model_settings(name, feature=feature)
        bins = row.bins(settings.audio.sample_rate_hz, settings.features[feature])
        if (settings.image.image_height or len(bins)) < arch.min_size:
            small.append(f"`{feature}`")
    many = "any, or several" if arch.head else "any"
    return f"{many}; with `--image-height {arch.min_size}` or more: {', '.join(small)}" if small else many


def parameters(arch: str) -> int:
    from kgenre.model.build import build_model

    return build_model(model_settings(arch), 10).count_params()


def feature_table() -> str:
    from kgenre.features import FEATURES

    return markdown(("`--feature`", "what it is"), [(f"`{name}`", row.description) for name, row in FEATURES.items()])


def augment_table() -> str:
    from kgenre.augment import AUGMENTS
    from kgenre.core.settings import fields_of

    rows = []
    for name, row in AUGMENTS.items():
        setting = fields_of(row.settings)[row.setting]
        flag = f"`--{setting.name.replace('_', '-')}` {setting.default:g}"
        rows.append((f"`{name}`", row.description, row.source, flag))
    return markdown(("`--augment`", "what it is", "from", "setting"), rows)


def optimizer_table() -> str:
    from kgenre.core.settings import fields_of
    from kgenre.training.optimizers import OPTIMIZERS

    rows = []
    for name, row in OPTIMIZERS.items():
        flags = (
            f"`--{setting.name.replace('_', '-')}` {setting.default:g}" for setting in fields_of(row.settings).values()
        )
        rows.append((f"`{name}`", row.description, row.source, ", ".join(flags)))
    return markdown(("`--optimizer`", "what it is", "from", "settings, defaults"), rows)


def dataset_table() -> str:
    from kgenre.collections.datasets import DATASETS

    return markdown(
        ("`--data`", "what it is", "tracks", "size", "licence"),
        [
            (
                f"`{name}`",
                row.description,
                "" if row.tracks is None else f"{row.tracks:,}".replace(",", " "),
                row.size,
                row.licence,
            )
            for name, row in DATASETS.items()
        ],
    )


def weights_table() -> str:
    from kgenre.weights import provenance

    return markdown(("name", "network", "trained on", "licence", "size", "source", "verified by"), provenance())


def markdown(head: tuple, rows: list[tuple]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


TABLES = {
    "architectures": arch_table,
    "features": feature_table,
    "augmentations": augment_table,
    "optimizers": optimizer_table,
    "datasets": dataset_table,
    "weights": weights_table,
}
