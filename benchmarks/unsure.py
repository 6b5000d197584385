"""What becomes "unsure": songs of the genres, and sounds that are none of them, by three scores, as a table.

    python -m benchmarks.unsure --model musicnn --data DIR --artists FILE --outside speech/ birds/ --out FOLDER

--outside names folders, one kind of sound each; noise, tones and near-silence are made here. The head is logistic
regression (C = 0.01) behind a scaler, on the mean embedding of a track. Songs of train and valid are answered in five
folds by artist, each by a head and a distance that know neither it nor its artist; test tracks are dropped first. What
is outside is answered by a head and a distance of all songs. Each score rejects 5 % of the songs that are answered
correctly. Nothing is fitted to what lies outside. Embeddings are kept in FOLDER; a command that was stopped continues.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.models import file_name, train_and_valid, vectors_by
from benchmarks.sounds import write_sounds
from benchmarks.teachers import FOLDS, HEADS
from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.baselines.unsure import REJECTED, fit_distance, fit_unsure
from kgenre.cli.tables import markdown
from kgenre.collections.grouping import group_ids, grouped_folds
from kgenre.core.files import make_output_folder, write_text
from kgenre.embeddings.extract import song_rows
from kgenre.model.unsure import UnsureRule

HEAD = "logistic, C = 0.01"
Doubt = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
# Of highest probability, distance and the rule's slope. The higher, the less a song is one of the genres.
SCORES: dict[str, Doubt] = {
    "probability": lambda best, distance, slope: -best,
    "distance": lambda best, distance, slope: distance,
    "both": lambda best, distance, slope: slope * distance - best,
}


def main(argv=None) -> int:
    parser = cli.Parser(
        prog="python -m benchmarks.unsure", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_data_flag(parser, required=True)
    parser.add_argument("--model", required=True, metavar="MODEL", help="a model, or a mixture of several")
    parser.add_argument("--outside", nargs="*", type=Path, default=[], metavar="DIR", help="one kind of sound each")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="of embeddings, sounds and table")
    cli.add_collection_flags(parser)
    cli.add_settings_flags(parser, ReaderSettings, "workers")
    return cli.run(_measure, parser.parse_args(argv))


def _measure(args: argparse.Namespace) -> int:
    out = make_output_folder(args.out)
    songs = train_and_valid(args)
    folders = {**{folder.name: folder for folder in args.outside}, **write_sounds(out / "sounds")}
    workers = cli.settings_from(ReaderSettings, args).workers

    def vectors(rows: pd.DataFrame, kind: str) -> tuple[np.ndarray, pd.DataFrame]:
        found, rows = vectors_by([args.model], rows, out, workers, kind)
        return found[args.model], rows

    x, songs = vectors(songs, "songs")
    outside = {kind: vectors(song_rows([str(folder)]), kind)[0] for kind, folder in folders.items()}
    genre = songs["genre"].to_numpy(dtype=object)
    folds = grouped_folds(genre, group_ids(songs, "artist"), FOLDS, seed=0)
    lines, caption = table(x, genre, folds, outside)
    head = ("sound", "files", *(f"{name}: {what}" for name in SCORES for what in ("AUROC", "unsure")))
    text = f"{caption}\n\n{markdown(head, lines)}\n"
    write_text(out / f"unsure-{file_name(args.model)}.md", text)
    print(text)
    return 0


def table(x: np.ndarray, genre: np.ndarray, folds, outside: dict[str, np.ndarray]) -> tuple[list, str]:
    """A row for each kind of sound, and what becomes of the songs in one sentence.

    Args:
        x: embeddings of songs (songs, d). genre: theirs. folds: as of `grouped_folds`.
        outside: {kind: embeddings (sounds, d)}.
    """
    labels, truth = np.unique(genre, return_inverse=True)
    probabilities, distance = np.empty((len(x), len(labels))), np.empty(len(x))
    for fit, validate in folds:
        probabilities[validate] = fitted(x[fit], genre[fit]).predict_proba(x[validate])
        distance[validate] = fit_distance(x[fit])(x[validate])
    rule, head = fit_unsure(x, probabilities, truth, folds), fitted(x, genre)
    best, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    doubts = {name: score(best, distance, rule.slope) for name, score in SCORES.items()}
    limits = {name: np.quantile(doubt[right], 1 - REJECTED) for name, doubt in doubts.items()}
    lines = [("songs answered wrongly", str((~right).sum()), *_cells(doubts, doubts, ~right, right, limits))]
    for kind, sounds in outside.items():
        found = scores(sounds, head, rule)
        lines.append((kind, str(len(sounds)), *_cells(found, doubts, np.ones(len(sounds), bool), right, limits)))
    kept = {name: right[doubt <= limits[name]].mean() for name, doubt in doubts.items()}
    accuracies = ", ".join(f"{name} {value:.1%}" for name, value in kept.items())
    return lines, f"{len(x)} songs, accuracy {right.mean():.1%}; of those that are not unsure: {accuracies}."


def fitted(x: np.ndarray, genre: np.ndarray):
    return make_pipeline(StandardScaler(), HEADS[HEAD]()).fit(x, genre)


def scores(x: np.ndarray, head, rule: UnsureRule) -> dict[str, np.ndarray]:
    """SCORES of embeddings, by a head and a rule."""
    best, distance = head.predict_proba(x).max(axis=1), rule.distance(x)
    return {name: score(best, distance, rule.slope) for name, score in SCORES.items()}


def _cells(found: dict, doubts: dict, chosen: np.ndarray, right: np.ndarray, limits: dict) -> list[str]:
    """AUROC against the songs answered correctly, and the share that is unsure, for each score."""
    cells = []
    for name, limit in limits.items():
        own, songs = found[name][chosen], doubts[name][right]
        auroc = roc_auc_score(np.repeat([0, 1], [len(songs), len(own)]), np.concatenate([songs, own]))
        cells += [f"{auroc:.2f}", f"{(own > limit).mean():.0%}"]
    return cells


if __name__ == "__main__":
    sys.exit(main())
