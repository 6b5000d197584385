"""The heads of the package's models: linear classifiers on a network's features, averaged.

All tracks of a genre have the same weight, and all genres. The classifiers are fitted on slices of one length, of
the tracks as they are and of altered copies (speed, equaliser, band limit, level, noise, repeated short excerpts),
so that the answer depends little on the length, the sample rate and the level of a song.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgenre.baselines.alteration import altered
from kgenre.baselines.linear_head import (
    FOLDS,
    Classifier,
    SliceFeatures,
    discriminants,
    logistic,
    make_head,
    track_probabilities,
)
from kgenre.baselines.unsure import fit_unsure
from kgenre.collections.grouping import group_ids, grouped_folds, numbered_neighbours
from kgenre.core.errors import KgenreError
from kgenre.core.heads import LinearHead
from kgenre.core.progress import SILENT, Progress

SLICES = 7  # of each altered copy, at most: more slices of a long track add little
OVERLAP = 2  # slices of a copy start every half of their length
# Of musicnn, the embedding, and the maximum and the mean over time of each map. Chosen on valid tracks.
EMBEDDING, MEANS, POOLED = np.arange(200), np.arange(201, 1706, 2), np.arange(200, 1706)


@dataclass(frozen=True)
class HeadFit:
    """How the head of a row of PACKAGED is fitted.

    classifiers: the head is their mean.
    copies: altered copies of each track.
    """

    classifiers: tuple[Classifier, ...]
    copies: int = 6


FITS = {
    "compact": HeadFit((logistic(0.001),)),
    "best": HeadFit((logistic(0.01),), copies=1),  # slices of 29 s take long
    "musicnn": HeadFit(
        (
            discriminants(0.3, np.concatenate([EMBEDDING, MEANS])),
            discriminants(0.1, EMBEDDING),
            logistic(0.001, POOLED),
        )
    ),
}


def train_default_head(
    data: str, out: Path, seed: int = 0, progress: Progress = SILENT, model: str = "compact", options=None
) -> dict:
    """Fits the head on train, evaluates it on valid and in folds, fits it on both, and writes the files of the model.

    The files are head.npz, unsure.json, labels.txt, config.json, metrics.json, tags.npz and, unless the model is too
    large for the package, model.tflite. Test tracks are never opened.

    Args:
        data: what load_collection takes; it needs train and valid tracks.
        out: folder for the files.
        seed: of the altered copies.
        model: row of PACKAGED.
        options: CollectionOptions, which may name the artists of the tracks.

    Returns:
        The metrics on valid, as in metrics.json. "folds" is of five folds over train and valid, by artist, pooled.

    Raises:
        KgenreError: no valid tracks, a genre without train tracks, or too many unusable files.
    """
    from kgenre.audio.reader import check_bad_share
    from kgenre.audio.settings import ReaderSettings
    from kgenre.collections import load_collection
    from kgenre.collections.splits import trainable_genres
    from kgenre.core.files import make_output_folder, write_json
    from kgenre.model.tasks import DEFAULT_TASK, make_task
    from kgenre.serving.packaged import PACKAGED, UNSURE_FILE

    packaged = PACKAGED[model].at(make_output_folder(out))
    size = packaged.read_tags().kernel.shape[0]  # first: it may fetch weights
    (packaged.directory / UNSURE_FILE).unlink(missing_ok=True)  # of a head before
    table = load_collection(data, options=options, progress=progress).table
    table = table[table["split"].isin(("train", "valid"))].reset_index(drop=True)
    settings, classifiers, copies = packaged.default_settings, FITS[model].classifiers, FITS[model].copies
    features, failures = extract(list(table["path"]), settings, packaged.network, copies, seed, progress)
    progress.failures(failures)
    check_bad_share(failures, len(table), ReaderSettings().max_bad_share)
    usable = ~table["path"].isin(failures).to_numpy()
    labels, valid = trainable_genres(table[usable], data), (table["split"] == "valid").to_numpy() & usable
    if not valid.any():
        raise KgenreError(
            f"{data}: the head is evaluated on valid tracks. Received: none. Give the manifest a `split`."
        )
    truth = np.array([labels.index(genre) if genre in labels else 0 for genre in table["genre"]])
    groups, train = group_ids(table, "artist", unknown=numbered_neighbours(table)), usable & ~valid
    head = make_head(features, truth, train, groups, classifiers)
    probabilities = track_probabilities(features, head, np.flatnonzero(valid))
    metrics = {
        "fitted_on": int(train.sum()),
        "split": "valid",
        **make_task(DEFAULT_TASK, labels).evaluate(truth[valid], probabilities),
    }
    head = make_head(features, truth, usable, groups, classifiers)
    tracks = np.flatnonzero(usable)
    folds = list(grouped_folds(truth[tracks], groups[tracks], FOLDS, seed))
    if folds:
        probabilities = fold_probabilities(features, truth, tracks, folds, groups, classifiers)
        hits = probabilities.argmax(axis=1) == truth[tracks]
        metrics["folds"] = {"tracks": len(tracks), "accuracy": float(hits.mean())}
        means = np.stack([features.x[(features.track == track) & features.unaltered].mean(axis=0) for track in tracks])
        rule = fit_unsure(means[:, :size], probabilities, truth[tracks], folds)
        write_json(packaged.directory / UNSURE_FILE, rule.values())
    _write_head(packaged, head, labels, settings, metrics)
    return metrics


def fold_probabilities(features, truth, tracks, folds, groups, classifiers) -> np.ndarray:
    """Probabilities of tracks by heads that were fitted without their fold, float32 (tracks, classes)."""
    found = np.empty((len(tracks), truth.max() + 1), "float32")
    for fit, validate in folds:
        mask = np.zeros(len(truth), bool)
        mask[tracks[fit]] = True
        found[validate] = track_probabilities(
            features, make_head(features, truth, mask, groups, classifiers), tracks[validate]
        )
    return found


def _write_head(packaged, head: LinearHead, labels: list[str], settings, metrics: dict) -> None:
    from kgenre.core.files import write_beside, write_json, write_text
    from kgenre.core.settings import settings_json

    kernel, bias = head
    out = packaged.directory
    write_beside(out / "head.npz", lambda part: np.savez(part, kernel=kernel, bias=bias))
    write_text(out / "labels.txt", "\n".join(labels) + "\n")
    write_text(out / "config.json", settings_json(settings.values()))
    write_json(out / "metrics.json", metrics)
    packaged.write_litert_files()


def extract(
    paths: list[str], settings, network: Callable, copies: int, seed: int, progress: Progress = SILENT
) -> tuple[SliceFeatures, dict[str, str]]:
    """The features of slices of the tracks and of their altered copies.

    Args:
        paths: of the tracks.
        settings: ModelSettings of the model; the unaltered slices are those that it is served with.
        network: (settings, number of genres) -> keras.Model with the layer "features".
        copies: of each track.
        seed: of the copies.

    Returns:
        The features, and {path: cause} of the tracks that cannot be used.

    Raises:
        KgenreError: no track can be used.
    """
    import keras
    import tensorflow as tf

    from kgenre.audio.decoders import AudioError
    from kgenre.audio.policy import SLICES_PER_TRACK
    from kgenre.audio.slicing import cut_slices
    from kgenre.audio.track import read_samples
    from kgenre.serving.model import slices_at_once

    spec = settings.audio.slice_spec
    model = network(settings, 2)
    features = tf.function(keras.Model(model.input, model.get_layer("features").output), reduce_retracing=True)
    parts, rows, plain, failures = [], [], [], {}
    batch = slices_at_once(spec)
    most_seconds = SLICES_PER_TRACK * spec.slice_seconds  # of a longer track, its beginning
    with progress.task("analysing", len(paths), "tracks") as advance:
        for row, path in enumerate(paths):
            advance()
            try:
                samples = read_samples(path, spec.sample_rate, most_seconds).samples
            except AudioError as error:
                failures[path] = error.cause
                continue
            for copy in range(1 + copies):
                rng = np.random.default_rng([seed, row, copy])
                version = altered(samples, spec.sample_rate, rng) if copy else samples
                overlapping = dataclasses.replace(spec, hop_samples=spec.slice_samples // OVERLAP)
                slices = cut_slices(version, overlapping if copy else spec)
                if copy and len(slices) > SLICES:
                    slices = slices[rng.choice(len(slices), SLICES, replace=False)]
                parts += [features(slices[i : i + batch]).numpy() for i in range(0, len(slices), batch)]
                rows += [row] * len(slices)
                plain += [copy == 0] * len(slices)
    if not parts:
        raise KgenreError("No track can be used: " + next(iter(failures.values()), "there are no tracks."))
    return SliceFeatures(np.concatenate(parts), np.array(rows), np.array(plain)), failures
