"""Purity of neighbours: how many of the five nearest of each track have its style, its album, its style elsewhere.

    python -m benchmarks.purity --data TABLE.csv --models compact musicnn --out FOLDER
    python -m benchmarks.purity --data free_music.csv --root MUSIC --album package --models compact musicnn --out FOLDER

TABLE has a row for each track with its path, style and album; --style and --album name other columns. Neighbours are
those of `kgenre similar`: by cosine distance between the mean embeddings of whole tracks. "Style, other albums" takes
the five nearest among the tracks of other albums: songs of an album share style and sound, so that "style" alone may
only measure the album. The bootstrap draws whole albums too, because their tracks are not independent samples. A track
without an album counts as an album of its own, and one without a style is left out. "By chance" is the expectation for
random neighbours, "at most" the best that the table allows. Embeddings are kept in FOLDER, and an interrupted command
can be run again to continue.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import argparse
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.models import DRAWS, mean_interval, vectors_by
from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.cli.tables import markdown
from kgenre.collections.grouping import group_ids
from kgenre.collections.tables import COLUMNS
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder, write_text
from kgenre.core.metrics import group_samples
from kgenre.embeddings.neighbours import nearest

NEIGHBOURS = 5
BLOCK = 256  # tracks whose neighbours are held at a time
# Whether other tracks share the style, and the album, of a track -> which of them are right, and which of them count.
MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "style": lambda style, album: (style, np.ones_like(style)),
    "album": lambda style, album: (album, np.ones_like(album)),
    "style, other albums": lambda style, album: (style, ~album),
}


def main(argv=None) -> int:
    parser = cli.Parser(
        prog="python -m benchmarks.purity", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="CSV", help="table of tracks")
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder of relative paths (default: the table's)")
    for name in ("style", "album"):
        parser.add_argument(f"--{name}", default=name, metavar="COLUMN", help=f"column of the {name} (default: {name})")
    parser.add_argument("--models", nargs="+", required=True, metavar="MODEL", help="models, or mixtures of them")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for embeddings and table")
    cli.add_settings_flags(parser, ReaderSettings, "workers")
    return cli.run(_measure, parser.parse_args(argv))


def _measure(args: argparse.Namespace) -> int:
    rows = read_table(args.data, args.root or args.data.parent, args.style, args.album)
    out = make_output_folder(args.out)
    vectors, rows = vectors_by(args.models, rows, out, cli.settings_from(ReaderSettings, args).workers)
    styles, albums = rows["genre"].to_numpy(dtype=object), group_ids(rows, "album")
    if len(rows) <= NEIGHBOURS or len(set(albums)) < 2:
        raise KgenreError(
            f"{args.data}: more than {NEIGHBOURS} usable tracks of two or more albums are needed. Received: "
            f"{len(rows)} of {len(set(albums))}. Name a larger table."
        )
    shares = {model: purity(x, styles, albums) for model, x in vectors.items()}
    text = report(shares, bounds(styles, albums), styles, albums)
    write_text(out / "purity.md", text)
    print(text + f"written to {out / 'purity.md'}")
    return 0


def read_table(path: Path, root: Path, style: str, album: str) -> pd.DataFrame:
    """The tracks of a table that have a style, as a Collection's, with the style as their genre.

    Raises:
        KgenreError: it cannot be read, lacks a column, or lists a track twice.
    """
    try:
        table = pd.read_csv(path, dtype="string", keep_default_na=False, encoding="utf-8-sig", index_col=False)
    except (OSError, ValueError) as error:
        raise KgenreError(f"{path}: not a readable table ({str(error).splitlines()[0]}).") from error
    if missing := [name for name in ("path", style, album) if name not in table]:
        raise KgenreError(
            f"{path}: no column {' and no column '.join(missing)}. Received: {', '.join(table)}. "
            "Name the columns of style and album with --style and --album."
        )
    paths = [str((root / name).resolve()) for name in table["path"]]
    rows = pd.DataFrame({"path": paths, "genre": table[style].str.strip(), "album": table[album].str.strip()})
    if (twice := rows["path"].duplicated()).any():
        raise KgenreError(f"{path}: lists {rows['path'][twice].iloc[0]} twice. List each track once.")
    return rows[rows["genre"] != ""].reindex(columns=COLUMNS).astype("string").fillna("").reset_index(drop=True)


def purity(vectors: np.ndarray, styles: np.ndarray, albums: np.ndarray) -> dict[str, np.ndarray]:
    """For each of MEASURES, the share of right ones among the nearest that count, float64 (tracks,).

    Args:
        vectors: float (tracks, d). styles, albums: of the tracks, (tracks,).
    """
    shares = {name: np.empty(len(vectors)) for name in MEASURES}
    for start in range(0, len(vectors), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(vectors)))
        others, _ = nearest(vectors, rows, len(vectors))  # (rows, tracks - 1), all of them in order
        for name, (right, count) in _compared(rows, others, styles, albums):
            first = count & (count.cumsum(axis=1) <= NEIGHBOURS)
            shares[name][rows] = (right & first).sum(axis=1) / first.sum(axis=1)
    return shares


def bounds(styles: np.ndarray, albums: np.ndarray) -> dict[str, dict[str, float]]:
    """What any vectors would have: {"by chance": {measure: mean share of neighbours at random}, "at most": {...}}."""
    tracks = np.arange(len(styles))
    chance, most = ({name: 0.0 for name in MEASURES} for _ in range(2))
    for row in tracks:
        for name, (right, count) in _compared(tracks[[row]], np.delete(tracks, row)[None], styles, albums):
            hits, counted = (right & count).sum(), count.sum()
            chance[name] += hits / counted / len(tracks)
            most[name] += min(hits, NEIGHBOURS) / min(counted, NEIGHBOURS) / len(tracks)
    return {"by chance": chance, "at most": most}


def _compared(rows: np.ndarray, others: np.ndarray, styles: np.ndarray, albums: np.ndarray):
    """MEASURES of tracks (rows,) and others of each (rows, n): pairs of name and what is right, what counts."""
    same = [values[others] == values[rows][:, None] for values in (styles, albums)]
    return ((name, measure(*same)) for name, measure in MEASURES.items())


def report(shares: dict, limits: dict, styles: np.ndarray, albums: np.ndarray) -> str:
    """The tables of models and of their paired differences, as Markdown."""
    draws = list(group_samples(albums, DRAWS))

    def cells(found: dict[str, np.ndarray], sign: str = "") -> list[str]:
        """The mean of each measure in points, and its interval."""
        each = ((values.mean(), *mean_interval(values, draws)) for values in found.values())
        texts = ([f"{100 * value:{sign}.1f}" for value in values] for values in each)
        return [text for mean, low, high in texts for text in (mean, f"{low} to {high}")]

    head = [title for name in MEASURES for title in (name, "95 % interval")]
    lines = [(f"`{model}`", *cells(found)) for model, found in shares.items()]
    for what, found in limits.items():
        lines.append((what, *(text for value in found.values() for text in (f"{100 * value:.1f}", ""))))
    text = (
        f"{len(styles)} tracks, {len(set(styles))} styles, {len(set(albums))} albums. Per cent of the {NEIGHBOURS} "
        f"nearest of a track; bootstrap of albums.\n\n{markdown(('model', *head), lines)}\n"
    )
    pairs = list(itertools.combinations(shares, 2))
    differences = [
        (f"`{a}` minus `{b}`", *cells({name: shares[a][name] - shares[b][name] for name in MEASURES}, "+"))
        for a, b in pairs
    ]
    return text + (f"\n{markdown(('points, paired', *head), differences)}\n" if pairs else "")


if __name__ == "__main__":
    sys.exit(main())
