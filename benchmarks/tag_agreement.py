"""How well a model's tags agree with those of the models that it was made from, by tag and by kind of music.

    python -m benchmarks.tag_agreement --model compact --teachers fcn-msd fcn-jamendo --data MANIFEST DIR --out FOLDER

Use music that the model was not fitted to: agreement with teachers is not accuracy, and on music that the model has
seen it shows nothing. --data takes one or more collections, each reported by itself; the kind of a track is its genre,
which in a folder is the first folder below it. Tracks whose split is test are dropped before anything else. Tags are of
whole tracks. For a tag that several teachers have, or one teacher in two spellings, the mean of the logits is taken, as
in `compact`'s own layer of tags.

Of each tag over tracks: the rank correlation, and the AUROC with which the model's probability finds the tenth of the
tracks for which the teachers' is highest. Of each kind: how many of the five most probable tags are the same, the
correlation of the tags of one track, and the mean absolute difference of probabilities. "The mean track" gives every
track the teachers' mean: the agreement of an answer that knows nothing of the track. Intervals are of a bootstrap of
artists. Answers are kept in FOLDER, and an interrupted command can be run again to continue.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from benchmarks.models import DRAWS, embed_by, file_name, mean_interval, slices_of
from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.cli.tables import markdown
from kgenre.collections import labelled_tracks
from kgenre.collections.grouping import group_ids
from kgenre.core.agreement import correlations
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder, write_text
from kgenre.core.metrics import group_samples
from kgenre.embeddings.files import read_embeddings
from kgenre.model.aggregate import SliceOutputs
from kgenre.serving.catalogue import open_model
from kgenre.weights.taggers import SPELT

TOP = 5  # tags of a track
TOP_SHARE = 0.1  # of the tracks, those with most of a tag
LEAST = 10  # tracks, so that TOP_SHARE of them is at least one
LEAST_KIND = 5  # tracks; smaller kinds are shown together
EPSILON = 1e-6  # of probabilities, whose logits must be finite
SHOWN = 8  # tags at either end that are printed
PER_TRACK = ("top five in common", "correlation in a track", "difference")
PER_TAG = ("rank correlation", "AUROC of the top tenth", "teachers' mean", "model's mean", "difference")


def main(argv=None) -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = cli.Parser(prog="python -m benchmarks.tag_agreement", description=__doc__, formatter_class=form)
    parser.add_argument("--model", required=True, metavar="MODEL", help="a model with tags")
    parser.add_argument(
        "--teachers",
        nargs="+",
        required=True,
        metavar="MODEL",
        help="models with tags, some of which the model has too",
    )
    cli.add_data_flag(parser, "one or more: ", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for answers and tables")
    cli.add_collection_flags(parser)
    cli.add_settings_flags(parser, ReaderSettings, "workers")
    return cli.run(_measure, parser.parse_args(argv))


def _measure(args: argparse.Namespace) -> int:
    options = cli.collection_options(args)
    collections = {data: unseen_tracks(data, options) for data in args.data}
    every = pd.concat(collections.values()).drop_duplicates("path", ignore_index=True)
    out, workers = make_output_folder(args.out), cli.settings_from(ReaderSettings, args).workers
    found = combined([tags(args.model, every, out, workers)])
    truth = combined([tags(teacher, every, out, workers) for teacher in args.teachers])
    names = [name for name in found if name in truth]
    if not names:
        raise KgenreError(f"{args.model} and {', '.join(args.teachers)} have no tag in common. Name other --teachers.")
    sections = []
    for data, rows in collections.items():
        rows = rows[rows["path"].isin(found.index) & rows["path"].isin(truth.index)]
        if len(rows) < LEAST:
            raise KgenreError(
                f"{data}: at least {LEAST} usable tracks are needed. Received: {len(rows)}. Name more music."
            )
        sections.append(section(data, rows, truth.loc[rows["path"], names], found.loc[rows["path"], names]))
    teachers = ", ".join(f"`{teacher}`" for teacher in args.teachers)
    file = out / f"tag_agreement-{file_name(args.model)}.md"
    write_text(file, f"Tags of `{args.model}` against those of {teachers}.\n\n" + "\n".join(sections))
    print(f"written to {file}")
    return 0


def unseen_tracks(data: str, options) -> pd.DataFrame:
    """The tracks of a collection, without those of its test split if it has one."""
    table = labelled_tracks(data, options=options)[0].table
    return table[table["split"] != "test"].reset_index(drop=True)


def tags(name: str, rows: pd.DataFrame, out: Path, workers: int) -> pd.DataFrame:
    """The probabilities of a model's tags in tracks: a row a path, a column a tag.

    Raises:
        KgenreError: a model without tags.
    """
    model, file = open_model(name), out / f"{file_name(name)}-answers.npz"
    if not model.tag_names:
        raise KgenreError(f"{name}: has no tags. Name a model with tags, such as compact or fcn-msd.")
    embed_by(model, rows, file, workers, probabilities=True)
    found = {}
    for path, (_, vectors) in slices_of(read_embeddings(file)).items():
        size = vectors.shape[1] - len(model.labels)
        found[path] = model.tag_probabilities(SliceOutputs(vectors[:, size:], vectors[:, :size]))
    spelt = [SPELT.get(tag, tag) for tag in model.tag_names]
    return pd.DataFrame.from_dict(found, orient="index", columns=spelt).astype("float64")


def combined(models: list[pd.DataFrame]) -> pd.DataFrame:
    """The tags of models for the tracks that all answer, one column for each spelling: the mean of the logits."""
    logits = [logit(table.clip(EPSILON, 1 - EPSILON)) for table in models]
    return expit(pd.concat(logits, axis=1, join="inner").T.groupby(level=0, sort=False).mean().T)


def section(data: str, rows: pd.DataFrame, truth: pd.DataFrame, found: pd.DataFrame) -> str:
    """The tables of one collection, as Markdown; the most important parts are printed.

    Args:
        rows: the tracks. truth, found: probabilities (tracks, tags) by the teachers and by the model.
    """
    by_tag = per_tag(truth, found).sort_values(PER_TAG[0], ascending=False, na_position="last")
    own, mean = (per_track(truth.to_numpy(), answer) for answer in (found.to_numpy(), mean_track(truth)))
    draws = list(group_samples(group_ids(rows, "artist"), DRAWS))
    intervals = [mean_interval(own[name].to_numpy(), draws) for name in PER_TRACK]
    groups = own.assign(kind=kinds(rows["genre"]), tracks=1).groupby("kind")
    by_kind = groups[list(PER_TRACK)].mean().assign(tracks=groups["tracks"].sum()).sort_values(PER_TRACK[0])
    lines = [("all", str(len(own)), *cells(own.mean()))]
    lines.append(("95 % interval", "", *(f"{low:.3f} to {high:.3f}" for low, high in intervals)))
    lines.append(("the mean track", "", *cells(mean.mean())))
    lines += [(kind, str(int(row["tracks"])), *cells(row[list(PER_TRACK)])) for kind, row in by_kind.iterrows()]
    ranked = [(tag, *cells(row)) for tag, row in by_tag.iterrows()]
    medians = by_tag[list(PER_TAG[:2])].median()
    caption = (
        f"## {Path(data).name}\n\n{len(own)} tracks, {len(by_tag)} tags. Median of the tags: rank correlation "
        f"{medians.iloc[0]:.2f}, AUROC {medians.iloc[1]:.2f}."
    )
    print(caption)
    for what, some in (("best", ranked[:SHOWN]), ("worst", ranked[::-1][:SHOWN])):
        print(f"  {what:<6} {', '.join(f'{tag} {value}' for tag, value, *_ in some)}")
    tables = (markdown(("music", "tracks", *PER_TRACK), lines), markdown(("tag", *PER_TAG), ranked))
    print(tables[0] + "\n")
    return f"{caption}\n\n" + "\n\n".join(tables) + "\n"


def per_tag(truth: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """PER_TAG of each tag, of probabilities (tracks, tags); NaN where a tag has the same probability in all tracks."""
    true, answers = truth.to_numpy(), found.to_numpy()
    most = np.argsort(-true, axis=0, kind="stable")[: max(1, round(TOP_SHARE * len(true)))]
    top = np.zeros(true.shape, int)
    np.put_along_axis(top, most, 1, axis=0)
    columns = (
        correlations(rankdata(true, axis=0), rankdata(answers, axis=0)),
        [roc_auc_score(own, values) for own, values in zip(top.T, answers.T)],
        true.mean(axis=0),
        answers.mean(axis=0),
        np.abs(true - answers).mean(axis=0),
    )
    return pd.DataFrame(dict(zip(PER_TAG, columns)), index=truth.columns)


def per_track(truth: np.ndarray, found: np.ndarray) -> pd.DataFrame:
    """PER_TRACK of each track, of probabilities (tracks, tags)."""
    size = min(TOP, truth.shape[1])
    tops = [rankdata(-values, method="ordinal", axis=1) <= size for values in (truth, found)]
    columns = (
        (tops[0] & tops[1]).sum(axis=1) / size,
        correlations(truth.T, found.T),
        np.abs(truth - found).mean(axis=1),
    )
    return pd.DataFrame(dict(zip(PER_TRACK, columns)))


def mean_track(truth: pd.DataFrame) -> np.ndarray:
    return np.tile(truth.to_numpy().mean(axis=0), (len(truth), 1))


def kinds(genres: pd.Series) -> np.ndarray:
    """The kind of each track; those of fewer than LEAST_KIND tracks are one."""
    genres = genres.where(genres != "", "several")
    return genres.where(genres.map(genres.value_counts()) >= LEAST_KIND, "others").to_numpy(dtype=object)


def cells(values) -> list[str]:
    return [f"{value:.3f}" for value in values]


if __name__ == "__main__":
    sys.exit(main())
