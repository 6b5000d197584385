"""The way of a pre-training: songs and their split, training, and what was reached.

Each step is kept in the run folder and skipped where an earlier try has done it.
"""

from dataclasses import dataclass

import pandas as pd

from kgenre.audio.inputs import SPECTROGRAM
from kgenre.collections.left_out import write_left_out
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder, write_json, write_text
from kgenre.core.progress import SILENT, Progress
from kgenre.model.tasks import DEFAULT_TASK, make_task
from kgenre.training.pretraining.settings import DEFAULTS, PRETRAINING, PretrainingSettings, check_pairs
from kgenre.training.run import PRETRAIN, Run, resume_command
from kgenre.training.settings import RunSettings
from kgenre.training.songs import load_songs, split_songs
from kgenre.training.start import (
    check_start,
    new_run,
    resolved_input,
    resolved_network,
    resumed_settings,
    run_facts,
    settle,
    usable_tracks,
)

SPLITS = ("train", "valid")
LEAST_SONGS = 2  # of each split: a song is told from another


@dataclass(frozen=True)
class Pretraining:
    """A run, its settings, and those of its pairs."""

    run: Run
    settings: RunSettings
    own: PretrainingSettings


def new_pretraining(given: dict, out, again: bool, progress: Progress = SILENT) -> Pretraining:
    """A pre-training that begins, checked before anything is made.

    Args:
        given: settings, of a file and of flags.
        out: the run folder; None names it by architecture and time.
        again: --resume was given, and there is nothing to go on with.
    """
    given, own = PRETRAINING.divided(given)
    if "data" not in given and not again:
        raise KgenreError("Pre-training needs music. Missing: --data. Add it.")
    settings, run = new_run({**DEFAULTS, **given}, out, again, progress)
    check_pairs(settings)
    return Pretraining(run, settings, PretrainingSettings(**own))


def resumed_pretraining(run: Run, given: dict) -> Pretraining:
    """A pre-training that goes on. What is given beside --resume may repeat its settings.

    Raises:
        KgenreError: the run is none of a pre-training, or another value of a setting that cannot change.
    """
    given, own = PRETRAINING.divided(given)
    settings = resumed_settings(run, given, PRETRAIN)
    begun = run.load_facts()["pretraining"]
    PRETRAINING.check_unchanged(own, begun)
    return Pretraining(run, settings, PretrainingSettings(**begun))


def pretrain(work: Pretraining, progress: Progress = SILENT) -> None:
    """Trains the network, and writes what it reached."""
    from kgenre.training.backend import start_backend

    if work.run.begun:
        start_backend(work.settings)
    else:
        work = begin(work, progress)
    run = work.run
    progress.line(f"run folder {run.folder}; if stopped, go on with: {resume_command(run.folder, PRETRAIN)}")
    from kgenre.training.pretraining.fit import fit_pairs

    if not (run / "model.keras").is_file():
        fit_pairs(work.settings, work.own, run, progress)
    run.remove_state()
    metrics = reached(run, work.settings)
    write_text(run / "report.txt", describe_reached(metrics))
    write_json(run / "metrics.json", metrics)


def begin(work: Pretraining, progress: Progress = SILENT) -> Pretraining:
    """Reads the songs, checks their files and writes what the run starts from."""
    from kgenre.training.backend import start_backend

    settings, run = work.settings, work.run
    check_start(settings)
    network = resolved_network(settings)
    tracks = load_songs(settings.data, settings.input, progress)
    tracks, failures, shapes = usable_tracks(settings, tracks, progress)
    tracks, protocol = split_songs(tracks, settings.training.seed, progress, SPLITS, LEAST_SONGS)
    counts = ", ".join(f"{(tracks['split'] == split).sum()} {split}" for split in SPLITS)
    progress.line(f"{settings.data}: {len(tracks)} songs: {counts}\nprotocol: {protocol}")
    settings, settled = settle(settings, {**network, **resolved_input(settings, tracks, shapes)})
    _tell_of_short_songs(settings, tracks, shapes, progress)
    start_backend(settings)
    from kgenre.training.pretraining.fit import contrastive_model

    contrastive_model(settings, work.own)  # what cannot be built should say so before there is a run folder
    facts = {
        **run_facts(settings, make_task(DEFAULT_TASK, ()), [], failures),
        "command": PRETRAIN,
        "protocol": protocol,
        "leaky": "",
        **settled,
        "pretraining": work.own.model_dump(),
    }
    make_output_folder(run.folder)
    write_left_out(run / "left_out.csv", failures)
    run.save_setup(settings, [], tracks, facts)
    return Pretraining(run, settings, work.own)


def _tell_of_short_songs(settings: RunSettings, tracks, shapes, progress: Progress) -> None:
    """Says so where most spectrograms have no two parts to tell: a pair is then one slice, augmented twice."""
    if settings.input != SPECTROGRAM:
        return
    slice_frames, frames = settings.spectrogram.slice_frames, [shapes[path][0] for path in tracks["path"]]
    short = sum(n <= slice_frames for n in frames)
    if 2 * short > len(frames):
        progress.line(
            f"{short} of {len(frames)} songs are no longer than a slice of {slice_frames} frames, so both slices of a "
            "pair are the same, augmented twice. For two parts of a song choose fewer --slice-frames."
        )


def reached(run: Run, settings: RunSettings) -> dict:
    """The metrics of the epoch that was kept, on valid songs."""
    from kgenre.training.pretraining.fit import valid_batch

    history = pd.read_csv(run / "history.csv")
    best = history[history["best"]].iloc[-1]
    valid = int((run.load_tracks()["split"] == "valid").sum())
    return {
        "pair_accuracy": float(best["valid_pair_accuracy"]),
        "loss": float(best["valid_loss"]),
        "chance": 1 / (valid_batch(settings.training, valid) - 1),
        "epoch": int(best["epoch"]),
        "tracks": valid,
    }


def describe_reached(metrics: dict) -> str:
    others = round(1 / metrics["chance"])
    return (
        f"pre-trained without labels: epoch {metrics['epoch']} is kept\n"
        f"Among {others} other slices the most similar one is of the same song for {metrics['pair_accuracy']:.1%} of "
        f"the slices of {metrics['tracks']} valid songs; by chance for {metrics['chance']:.1%}.\n"
    )
