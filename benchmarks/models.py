"""What the comparisons of models share: vectors of tracks, computed once into files, and bootstrap intervals."""

import argparse
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre import cli
from kgenre.audio.slicing import SliceSpec
from kgenre.cli.tables import markdown
from kgenre.collections import load_collection
from kgenre.core.errors import KgenreError
from kgenre.core.metrics import group_samples, percentile_interval
from kgenre.embeddings.extract import embed
from kgenre.embeddings.files import read_embeddings
from kgenre.model.aggregate import aggregate
from kgenre.serving.catalogue import MIX, open_model
from kgenre.serving.mixture import alignment

DRAWS = 2000  # of the bootstrap


def vectors_by(
    models: Sequence[str], rows: pd.DataFrame, out: Path, workers: int, kind: str = ""
) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Mean embeddings of tracks by models and mixtures: {model: (tracks, d)}, and the rows that all could embed.

    Embeddings that OUT/MODEL[-KIND].npz lacks are computed; those of a mixture are its members', joined.
    """
    names = dict.fromkeys(name for model in models for name in member_names(model))
    files = {name: out / f"{file_name(name)}{kind and '-'}{kind.replace(' ', '_')}.npz" for name in names}
    for name, file in files.items():
        embed_by(open_model(name), rows, file, workers)
    vectors = {model: track_vectors([files[name] for name in member_names(model)]) for model in models}
    known = set.intersection(*map(set, vectors.values()))
    rows = rows[rows["path"].isin(known)].reset_index(drop=True)
    return {model: np.stack([by_path[path] for path in rows["path"]]) for model, by_path in vectors.items()}, rows


def embed_by(model, rows: pd.DataFrame, file: Path, workers: int, probabilities: bool = False) -> None:
    """Writes the embeddings of tracks by a model, as `kgenre embed` does; what is in the file already stays."""
    progress = cli.BarProgress()
    failures, _ = embed(model, rows, file, workers, progress=progress, probabilities=probabilities)
    progress.failures(failures, "failed")


def file_name(model: str) -> str:
    return model.replace("/", "_").replace(":", "_").replace(",", "+")


def member_names(model: str) -> list[str]:
    return model.removeprefix(MIX).split(",") if model.startswith(MIX) else [model]


def track_vectors(files: list[Path]) -> dict[str, np.ndarray]:
    """{path: mean embedding} of the tracks that all files have; of several files, joined as a mixture's."""
    found = [read_embeddings(file) for file in files]
    specs = [spec_of(one.header["config"]) for one in found]
    slices = [slices_of(one) for one in found]
    finest = min(range(len(specs)), key=lambda number: specs[number].slice_seconds)
    vectors = {}
    for path in set.intersection(*map(set, slices)):
        starts = slices[finest][path][0]
        parts = []
        for spec, own in zip(specs, slices):
            own_starts, embeddings = own[path]
            parts.append(aggregate(alignment(starts, specs[finest], own_starts, spec) @ embeddings))
        vectors[path] = np.concatenate(parts)
    return vectors


def spec_of(config: dict) -> SliceSpec:
    """The slices of an embedding file."""
    return SliceSpec(
        **{field.name: config[field.name] for field in dataclasses.fields(SliceSpec) if field.name in config}
    )


def slices_of(embeddings) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{path: (starts, embeddings)} of an embedding file."""
    ends = np.cumsum(embeddings.table["slices"])[:-1]
    parts = zip(np.split(embeddings.slice_starts, ends), np.split(embeddings.slice_embeddings, ends))
    return dict(zip(embeddings.table["path"], parts))


def mean_interval(values: np.ndarray, draws: Iterable[np.ndarray]) -> list[float]:
    """95 % interval of the mean of values (tracks,), from bootstrap samples of their rows."""
    return percentile_interval([values[draw].mean() for draw in draws])


def train_and_valid(args: argparse.Namespace) -> pd.DataFrame:
    """The tracks of the collection that the flags name, without those of test."""
    table = load_collection(args.data, options=cli.collection_options(args)).table
    return table[table["split"].isin(("train", "valid"))].reset_index(drop=True)


def check_against(against: str | None, models: Sequence[str]) -> None:
    """Before the work: raises KgenreError where the model that others are compared with is none of them."""
    if against and against not in models:
        raise KgenreError(f"--against must be one of --models. Received: {against}.")


def comparison(caption: str, head: Sequence[str], lines: list, hits: dict, against: str | None, groups) -> str:
    """A caption and a table as Markdown, and where a model is named to compare with, the table of differences."""
    text = f"{caption}\n\n{markdown(head, lines)}\n"
    return f"{text}\n{differences(hits, against, groups)}\n" if against else text


def differences(hits: dict, against: str, groups: np.ndarray) -> str:
    """Table of accuracy in folds minus that of one model by the same head, with a paired bootstrap of whole groups."""
    lines, draws = [], list(group_samples(groups, DRAWS))
    for (model, head), own in hits.items():
        if model != against:
            difference = own - hits[against, head]
            low, high = mean_interval(difference, draws)
            lines.append(
                (f"`{model}`", head, f"{100 * difference.mean():+.1f}", f"{100 * low:+.1f} to {100 * high:+.1f}")
            )
    return markdown(("model", "head", f"points more than `{against}`", "95 % interval"), lines)
