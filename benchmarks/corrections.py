"""What a retrained head learns from corrections, and what it changes: accuracy by their number, as a table.

    python -m benchmarks.corrections --model compact --data DIR --artists FILE --out FOLDER --seeds 10

The head of a packaged model was fitted to all songs of GTZAN that there are; so that there is something to correct,
one is fitted in the same way to the songs of a quarter of the artists. The songs of two fifths of the artists are
corrected, those that this head gets wrong, one after the other in random order, to their true genre. The others, of
artists that neither knows, are only measured. Each seed draws artists and order again; tracks whose split is test are
dropped first.

The second table has a genre that the head does not know: half of the songs of some artists are corrected to it.
Embeddings are kept in FOLDER. Intervals are of a bootstrap of artists, over the songs of all seeds; differences are
paired.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import argparse
import functools
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.models import DRAWS, embed_by, file_name, mean_interval, slices_of, train_and_valid
from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.baselines.linear import slice_weights
from kgenre.cli.tables import markdown
from kgenre.collections.grouping import group_ids, grouped_folds
from kgenre.core.files import make_output_folder, write_text
from kgenre.core.heads import fit_logistic, fit_standardized
from kgenre.core.metrics import group_samples
from kgenre.embeddings.files import read_embeddings
from kgenre.library.head import track_probabilities
from kgenre.library.retraining import retrain
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.serving.catalogue import open_model

CORRECTIONS = (1, 2, 5, 10, 20, 50, 100)
TEACHERS = (1, 2, 4)  # artists of the genre that the head does not know
FOLDS = 5
FITTED, CORRECTED = 0.25, 0.4  # shares of the artists


@dataclass(frozen=True)
class Songs:
    """slices: list of float32 (slices, d). genre, artist: object (songs,)."""

    slices: list
    genre: np.ndarray
    artist: np.ndarray


@dataclass(frozen=True)
class Draw:
    """A library with the answers of a head that was fitted to other songs.

    songs: int, numbers of its songs. corrected: int, rows among `songs` in the order of their correction. measured:
    bool (songs,). answers: object (songs,), of the head. task: its labels. slices: as Library.all_slices yields.
    """

    songs: np.ndarray
    corrected: np.ndarray
    measured: np.ndarray
    answers: np.ndarray
    task: SingleLabel
    slices: list


def main(argv=None) -> int:
    parser = cli.Parser(
        prog="python -m benchmarks.corrections",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cli.add_data_flag(parser, required=True)
    parser.add_argument("--model", default="compact", metavar="MODEL", help="whose embeddings (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="of embeddings and tables")
    parser.add_argument("--seeds", type=int, default=10, help="draws of artists (default: %(default)s)")
    cli.add_collection_flags(parser)
    cli.add_settings_flags(parser, ReaderSettings, "workers")
    return cli.run(_measure, parser.parse_args(argv))


def _measure(args: argparse.Namespace) -> int:
    out, rows = make_output_folder(args.out), train_and_valid(args)
    file = out / f"{file_name(args.model)}.npz"
    embed_by(open_model(args.model), rows, file, cli.settings_from(ReaderSettings, args).workers)
    known = slices_of(read_embeddings(file))
    rows = rows[rows["path"].isin(known)].reset_index(drop=True)
    slices = [np.asarray(known[path][1], "float32") for path in rows["path"]]
    songs = Songs(slices, rows["genre"].to_numpy(dtype=object), group_ids(rows, "artist"))
    text = f"{corrections_table(songs, args.seeds)}\n\n{new_genre_table(songs, args.seeds)}\n"
    write_text(out / f"corrections-{file_name(args.model)}.md", text)
    print(text)
    return 0


def draw(songs: Songs, seed: int, unknown: str = "") -> Draw:
    """A library of the songs that the head was not fitted to; of an unknown genre it was fitted to none."""
    rng = np.random.default_rng(seed)
    artists = rng.permutation(np.unique(songs.artist))
    known, taught = np.split(artists, [int(FITTED * len(artists)), int((FITTED + CORRECTED) * len(artists))])[:2]
    fitted = np.flatnonzero(np.isin(songs.artist, known) & (songs.genre != unknown))
    own = np.flatnonzero(~np.isin(songs.artist, known))
    labels, truth = np.unique(songs.genre[fitted].astype(str), return_inverse=True)
    task = SingleLabel(tuple(labels))
    model = calibrated([songs.slices[i] for i in fitted], truth, songs.artist[fitted], task)
    slices = [(i, None, songs.slices[i], model(songs.slices[i])) for i in own]
    answers = labels.astype(object)[[probabilities.mean(axis=0).argmax() for *_, probabilities in slices]]
    wrong = np.flatnonzero(np.isin(songs.artist[own], taught) & (answers != songs.genre[own]))
    measured = ~np.isin(songs.artist[own], taught)
    return Draw(own, rng.permutation(wrong), measured, answers, task, slices)


def calibrated(slices: list, truth: np.ndarray, artists: np.ndarray, task: SingleLabel) -> Callable:
    """Embeddings -> probabilities of a head that was fitted to songs, with its temperature from folds by artist."""

    def scores_of(songs: np.ndarray) -> Callable:
        parts, own = [slices[i] for i in songs], truth[songs]
        track = np.repeat(np.arange(len(songs)), [len(part) for part in parts])
        fit = functools.partial(fit_logistic, n_classes=len(task.labels), inverse_penalty=0.01, tolerance=1e-3)
        kernel, bias = fit_standardized(fit, np.concatenate(parts), own[track], slice_weights(track, own))
        return lambda x: np.maximum(x @ kernel + bias, -100)  # a genre that a fold lacks has -inf

    scores = [None] * len(slices)
    for fit, validate in grouped_folds(truth, artists, FOLDS, seed=0):
        fold = scores_of(fit)
        for i in validate:
            scores[i] = fold(slices[i])
    temperature = task.temperature(truth, np.concatenate(scores), np.array([len(part) for part in slices]))
    every = scores_of(np.arange(len(slices)))
    return lambda x: task.probabilities(every(x) / temperature)


def answers_of(songs: Songs, one: Draw, corrected: np.ndarray) -> np.ndarray:
    """The genres of a draw's songs after a retraining from some rows of it, object (songs,)."""
    genres = {int(one.songs[row]): str(songs.genre[one.songs[row]]) for row in corrected}
    head, _ = retrain(one.slices, one.task, genres, dict.fromkeys(genres, "one album"))
    _, probabilities = track_probabilities(head, one.slices)
    return np.array(head.labels, dtype=object)[probabilities.argmax(axis=1)]


def corrections_table(songs: Songs, seeds: int) -> str:
    """Of songs by other artists: accuracy and share of changes; of the corrected ones, how many are learnt."""
    found = defaultdict(list)
    for seed in range(seeds):
        one = draw(songs, seed)
        means = np.stack([songs.slices[i].mean(axis=0) for i in one.songs])
        means = (means - means.mean(axis=0)) / means.std(axis=0)
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        for number in CORRECTIONS:
            if number <= len(one.corrected):
                rows = one.corrected[:number]
                found[number].append((one, rows, answers_of(songs, one, rows), (means @ means[rows].T).max(axis=1)))
    lines = [_line(songs, number, results) for number, results in found.items()]
    head = ("corrections", "draws", "accuracy before", "after", "points more", "95 % interval", "changed")
    return markdown((*head, "of them right before, after", "nearness of the changed", "corrected songs learnt"), lines)


def _line(songs: Songs, number: int, results: list) -> tuple:
    before, after, changed, artists, nearness, learnt = [], [], [], [], [], []
    for one, rows, answers, similarity in results:
        truth = songs.genre[one.songs]
        before.append((one.answers == truth)[one.measured])
        after.append((answers == truth)[one.measured])
        changed.append((answers != one.answers)[one.measured])
        artists.append(songs.artist[one.songs][one.measured])
        rank = similarity[one.measured].argsort().argsort() / (one.measured.sum() - 1)
        nearness.append(rank[changed[-1]])
        learnt.append(answers[rows] == truth[rows])
    before, after, changed, artists, nearness, learnt = map(
        np.concatenate, (before, after, changed, artists, nearness, learnt)
    )
    more = after.astype(float) - before
    low, high = mean_interval(more, group_samples(artists, DRAWS))
    return (
        str(number), str(len(results)), f"{before.mean():.1%}", f"{after.mean():.1%}", f"{100 * more.mean():+.1f}",
        f"{100 * low:+.1f} to {100 * high:+.1f}", f"{changed.mean():.1%}",
        f"{before[changed].mean():.0%}, {after[changed].mean():.0%}" if changed.any() else "",
        f"{nearness.mean():.2f}" if changed.any() else "", f"{learnt.mean():.0%}",
    )  # fmt: skip


def new_genre_table(songs: Songs, seeds: int) -> str:
    """A genre that the head does not know, taught by half of the songs of some artists: which songs then have it."""
    found = defaultdict(list)
    for seed in range(seeds):
        for genre in np.unique(songs.genre.astype(str)):
            one, rng = draw(songs, seed, genre), np.random.default_rng(seed)
            truth, artists = songs.genre[one.songs], songs.artist[one.songs]
            of_artist = [
                rng.permutation(rows)
                for artist in rng.permutation(np.unique(artists[~one.measured]))
                if len(rows := np.flatnonzero((artists == artist) & (truth == genre))) > 1
            ]
            for number in TEACHERS:
                if number <= len(of_artist):
                    taught, left = zip(*(np.split(rows, [(len(rows) + 1) // 2]) for rows in of_artist[:number]))
                    taught, left = np.concatenate(taught), np.concatenate(left)
                    has = answers_of(songs, one, taught) == genre
                    own, others = one.measured & (truth == genre), one.measured & (truth != genre)
                    found[number].append((len(taught), has[taught], has[left], has[own], has[others]))
    lines = []
    for number, results in found.items():
        counts, *parts = zip(*results)
        lines.append((str(number), f"{np.mean(counts):.1f}", *(f"{np.concatenate(part).mean():.0%}" for part in parts)))
    head = (
        "artists",
        "songs corrected",
        "of these have the genre",
        "of their other songs",
        "of songs by other artists",
    )
    return markdown((*head, "of other genres' songs"), lines)


if __name__ == "__main__":
    sys.exit(main())
