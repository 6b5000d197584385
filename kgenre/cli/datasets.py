"""The datasets as text: all in a table, or one in full."""

import argparse
import sys
from pathlib import Path
from shlex import quote

from kgenre.collections import find_dataset
from kgenre.collections.datasets import DATASETS
from kgenre.collections.datasets.dataset import Dataset, Remote
from kgenre.core.errors import KgenreError, check_known

WIDTH = 120  # of the table where it goes to a file or a pipe
SHOWN_FAULTS = 30


# {flag: what it is for}; the description and the duplicates share the flags of reading.
NEEDS = {
    **dict.fromkeys(("to", "mirror", "digest", "no_verify"), ("download",)),
    "sample": ("describe",), "threshold": ("duplicates",),
    **dict.fromkeys(("out", "model", "vectors"), ("describe", "duplicates")),
}  # fmt: skip


def check_flags(args: argparse.Namespace) -> None:
    """Raises KgenreError for a flag that does not apply, or work without a collection."""
    for name, needs in NEEDS.items():
        if (given := getattr(args, name)) not in (None, False) and not any(getattr(args, need) for need in needs):
            flag, applies = f"--{name.replace('_', '-')}", " and ".join(f"--{need}" for need in needs)
            received = "" if given is True else f" {' '.join(given) if isinstance(given, list) else given}"
            raise KgenreError(f"{flag} applies to {applies}. Received: {flag}{received}. Leave it out.")
    for work in ("download", "describe", "duplicates"):
        if getattr(args, work) and args.data is None:
            raise KgenreError(f"--{work} needs a name: kgenre datasets NAME --{work}. `kgenre datasets` lists them.")


def dataset_and_folder(data: str, to: Path | None = None) -> tuple[str, Dataset, Path | None]:
    """The dataset that NAME or NAME:DIR names, and its folder; None where it is a folder of the user's, not named.

    Args:
        to: the folder, if it is another one.

    Raises:
        KgenreError: no dataset of that name.
    """
    name, _, place = data.partition(":")
    if name not in DATASETS and Path(data).exists():
        raise KgenreError(
            f"{data}: a collection of yours, not the name of a dataset. Look at it with `kgenre datasets {quote(data)} "
            "--describe`; `kgenre datasets` lists the names."
        )
    check_known("dataset", name, DATASETS)
    dataset = DATASETS[name]
    return name, dataset, to or (None if dataset.needs_folder and not place else find_dataset(data)[1])


def print_all() -> None:
    """The table of datasets, on standard output."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table("--data", "tracks", "size", "licence", "here", box=SIMPLE_HEAD, pad_edge=False)
    for name in DATASETS:
        _, dataset, folder = dataset_and_folder(name)
        tracks = "" if dataset.tracks is None else f"{dataset.tracks:,}".replace(",", " ")
        table.add_row(name, tracks, dataset.size, dataset.licence, state(dataset, folder))
    Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else WIDTH).print(table)


def state(dataset: Dataset, folder: Path | None) -> str:
    """Whether it is on this machine."""
    if folder is None:
        return "a folder of yours"
    if dataset.is_in(folder):
        return str(folder)
    return "no" if dataset.remotes or dataset.needs_folder else "made on first use"


def describe(name: str, dataset: Dataset, folder: Path | None) -> str:
    """All that a dataset declares, where it lies, and what to type next."""
    causes = dict.fromkeys(dataset.known_faults.values())
    faults = {
        cause: [track for track in dataset.known_faults if dataset.known_faults[track] == cause] for cause in causes
    }
    rows = {
        name: [dataset.description],
        "tracks": [] if dataset.tracks is None else [str(dataset.tracks)],
        "size": [dataset.size],
        "licence": [dataset.licence],
        "cite": [dataset.citation],
        "genres": [", ".join(dataset.labels)] if dataset.labels else [],
        "files": [line for remote in dataset.remotes for line in _file_lines(remote)],
        "left out": [f"{cause}: {_some(tracks)}" for cause, tracks in faults.items()],
        "here": [state(dataset, folder)],
        "next": [next_command(name, dataset, folder)],
    }
    width = max(map(len, rows)) + 2
    return "\n".join(
        f"{title if first else '':<{width}}{line}"
        for title, lines in rows.items()
        for first, line in zip([True] + [False] * len(lines), lines)
    )


def _some(tracks: list[str]) -> str:
    more = f" and {len(tracks) - SHOWN_FAULTS} more" if len(tracks) > SHOWN_FAULTS else ""
    return ", ".join(tracks[:SHOWN_FAULTS]) + more


def _file_lines(remote: Remote) -> list[str]:
    digest = next((f"{kind} {text}" for kind in ("sha256", "sha1", "md5") if (text := getattr(remote, kind))), "")
    size = f"{remote.size} bytes" if remote.size else f"about {remote.bytes_on_disk / 1e9:.1f} GB"
    return [f"{remote.url}", f"  {size}, {digest}"]


def next_command(name: str, dataset: Dataset, folder: Path | None) -> str:
    """What to type next, to have it or to use it."""
    if folder is None:
        return f"kgenre train --data {name}:DIR"
    is_default = not dataset.needs_folder and folder == find_dataset(name)[1]
    if dataset.remotes and not (dataset.user_has_it or dataset.needs_folder) and not dataset.is_in(folder):
        return f"kgenre datasets {name} --download" + ("" if is_default else f" --to {quote(str(folder))}")
    return f"kgenre train --data {name if is_default else quote(f'{name}:{folder}')}"
