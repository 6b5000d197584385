"""The ladder: each rung and seed is a run folder, trained with the same settings and as many steps, and measured once.

What is finished is not repeated, and a run that was killed is gone on with, so that a repeated command ends in the
table that it would have had.
"""

import dataclasses
import json
from pathlib import Path

from kgenre.audio.open_reader import open_reader
from kgenre.collections import labelled_tracks
from kgenre.collections.label_share import draw_labelled
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder, write_json, write_text
from kgenre.core.progress import SILENT, Progress
from kgenre.core.settings import settings_json
from kgenre.evaluation.evaluate import release_memory
from kgenre.evaluation.finish import train_and_evaluate
from kgenre.evaluation.leak.measure import measure
from kgenre.evaluation.leak.report import Ladder, write_ladder
from kgenre.evaluation.leak.rungs import RUNGS, Source
from kgenre.training.plan import training_plan
from kgenre.training.run import Run, remove_parts
from kgenre.training.settings import RunSettings, stored_values
from kgenre.training.spectrograms import spec_to_cut
from kgenre.training.start import CHANGEABLE_ON_RESUME

RESULT = "leak.json"  # of a rung's run folder: what was measured, and that it is finished


def climb(
    settings: RunSettings, out: Path, rungs: list[str], seeds: int, again: str, progress: Progress = SILENT
) -> Ladder:
    """Trains and measures what is not finished, and writes leak.csv, leak.json, leak.png and report.txt.

    Args:
        settings: of every run, but for its seed: they are counted from that of the settings. Training does not stop
            early, and an epoch has the steps that the honest split gives it, unless `steps_per_epoch` says otherwise.
        out: the folder.
        rungs: names in RUNGS.
        seeds: how often each rung is trained, each time on a split and weights of its own.
        again: the command that goes on with it, for the user.

    Returns:
        The ladder. A rung that the collection does not have what it takes for is left out, with the cause.

    Raises:
        KgenreError: `out` holds a ladder of other settings, or what a training raises.
    """
    out = make_output_folder(out)
    settings = _checked(settings, out)
    numbers = range(settings.training.seed, settings.training.seed + seeds)
    found, left_out = [], {}
    for seed in numbers:
        own = settings.replace(seed=seed)
        sources = _Sources(own, progress)
        for name in rungs:
            try:
                run = Run(out / f"{name}-seed-{seed}")
                values = _climbed(own, run, name, sources, again, progress)
            except _NotPossible as error:
                left_out[name] = str(error)
            else:
                found.append({"rung": name, "seed": seed, "leaky": run.leaky, **values})
    ladder = Ladder(settings, found, left_out)
    write_ladder(ladder, out)
    return ladder


class _NotPossible(Exception):
    """What a rung lacks."""


class _Sources:
    """The collection, read when it is first needed: a finished ladder needs it no more."""

    def __init__(self, settings: RunSettings, progress: Progress):
        self.settings, self.progress, self.source = settings, progress, None

    def get(self) -> Source:
        if self.source is None:
            data, options = self.settings.data, self.settings.collection
            tracks, task = labelled_tracks(data, options=options, progress=self.progress)
            self.source = Source(
                data, tracks, task, self.settings.training.seed, spec_to_cut(self.settings), self.progress
            )
        return self.source


def _climbed(settings: RunSettings, run: Run, name: str, sources: _Sources, again: str, progress: Progress) -> dict:
    """What was measured of a rung; it is trained first where it is not finished."""
    if (run / RESULT).is_file():
        return json.loads((run / RESULT).read_text(encoding="utf-8"))
    progress.line(f"{name}, seed {settings.training.seed}")
    if run.begun:
        collection, settings = None, run.load_settings()
        remove_parts(run.folder)
    else:
        collection, settings = _collection(name, sources), _budget(settings, sources.get(), progress)
    if not run.finished:
        train_and_evaluate(settings, run, progress, collection, again)
        release_memory()
    values = measure(run, progress).values()
    write_json(run / RESULT, values)
    return values


def _collection(name: str, sources: _Sources):
    source = sources.get()
    try:
        collection = RUNGS[name].make(source)
    except KgenreError as error:
        raise _NotPossible(str(error)) from error
    if RUNGS[name].leaks and not collection.leaky:  # a protocol that is not refused elsewhere
        return dataclasses.replace(collection, leaky=f"{RUNGS[name].leaks} are on two sides")
    return collection


def _budget(settings: RunSettings, source: Source, progress: Progress) -> RunSettings:
    """The settings with the steps of the honest split, and no early stop."""
    table, _ = draw_labelled(source.honest.table, settings.training.label_share, settings.training.seed)
    paths = list(table.loc[table["split"] == "train", "path"])
    reader = open_reader(source.slice_spec, policy=settings.reader.policy)
    plan = training_plan(settings, [0] * len(paths), reader, paths, progress)
    return settings.replace(steps_per_epoch=plan.steps, patience=settings.training.epochs)


def _checked(settings: RunSettings, out: Path) -> RunSettings:
    """The settings, kept in the folder; those that the folder has must be the same."""
    path, now = out / "config.json", settings.values()
    if path.is_file():
        before = stored_values(path)
        asked = json.loads(settings_json(now))
        differ = [name for name in asked if asked[name] != before.get(name) and name not in CHANGEABLE_ON_RESUME]
        if differ:
            name = differ[0]
            raise KgenreError(
                f"{out}: holds a ladder of other settings. Received: {name}={now[name]}, begun with "
                f"{before.get(name)}. Repeat the first command, or name another folder with --out."
            )
    write_text(path, settings_json(now))
    return settings
