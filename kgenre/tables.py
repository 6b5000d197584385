"""Prints the tables of architectures, features, augmentations, datasets and pretrained weights.

kgenre tables
kgenre tables --update README.md
kgenre tables --update docs/networks.md
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.core.errors import KgenreError


def main(argv=None) -> int:
    parser = cli.make_parser("tables", __doc__)
    parser.add_argument(
        "--update", type=Path, metavar="FILE", help="replace the tables between the marks in a Markdown file"
    )
    return cli.run(_tables, parser.parse_args(argv))


def _tables(args: argparse.Namespace) -> int:
    if args.update is None:
        print("\n\n".join(table() for table in {**TABLES, **NETWORK_TABLES}.values()))
        return 0
    from kgenre.core.files import write_text

    try:
        text = args.update.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KgenreError(f"{args.update}: not a readable text file ({error}).") from error
    write_text(args.update, updated(text, args.update))
    return 0


def updated(text: str, name) -> str:
    """The text with each table put between its marks, `<!-- table: NAME -->` and `<!-- end -->`.

    A document holds all TABLES or all NETWORK_TABLES, told by the marks that are there.
    """
    of_networks = any(f"<!-- table: {table} -->" in text for table in NETWORK_TABLES)
    for table, make in (NETWORK_TABLES if of_networks else TABLES).items():
        begin = f"<!-- table: {table} -->"
        before, mark, rest = text.partition(begin)
        _, end, after = rest.partition("<!-- end -->")
        if not mark or not end:
            raise KgenreError(f"{name}: no place for the table {table}: it needs `{begin}` and `<!-- end -->`.")
        text = f"{before}{begin}\n{make()}\n{end}{after}"
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
    """The features that an architecture accepts as they are, and what the others need."""
    from kgenre.archs import ARCHS
    from kgenre.features import FEATURES

    arch = ARCHS[name]
    if arch.features:
        return ", ".join(f"`{feature}`" for feature in arch.features)
    small = []
    for feature, row in FEATURES.items():
        settings = model_settings(name, feature=feature)
        bins = row.bins(settings.audio.sample_rate_hz, settings.spectrogram)
        if (settings.image.image_height or len(bins)) < arch.min_height:
            small.append(f"`{feature}`")
    return f"any; with `--image-height {arch.min_height}` or more: {', '.join(small)}" if small else "any"


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


def dataset_table() -> str:
    from kgenre.collections.datasets import DATASETS

    return markdown(
        ("`--data`", "what it is", "licence"),
        [(f"`{name}`", row.description, row.licence) for name, row in DATASETS.items()],
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
    "datasets": dataset_table,
}
# Of docs/networks.md.
NETWORK_TABLES = {"weights": weights_table}

if __name__ == "__main__":
    sys.exit(main())
