"""The start of a run: its settings, its folder, the collection that it learns from; and the way to the export."""

import importlib.metadata
import time
from dataclasses import replace
from pathlib import Path

import kgenre
from kgenre.archs import ARCHS
from kgenre.audio.inputs import SPECTROGRAM
from kgenre.augment import listed
from kgenre.collections.splits import trainable_genres
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress
from kgenre.features import FEATURES
from kgenre.features.several import expanded
from kgenre.model.settings import merged
from kgenre.model.tasks import Task
from kgenre.training.run import Run, network_of, remove_parts, resume_command
from kgenre.training.settings import RunSettings

# Not epochs: the learning rate's schedule is laid out over them.
CHANGEABLE_ON_RESUME = {"patience", "workers", "cache_gib", "max_bad_share", "devices"}


def new_run(
    given: dict, out, again: bool, progress: Progress = SILENT, file_values: dict | None = None
) -> tuple[RunSettings, Run]:
    """The effective settings and the run folder of a new run, checked before anything is made.

    Args:
        given: settings of flags.
        out: the run folder; None names it by architecture and time.
        again: start again where a kill came before there was anything to resume; the data must then be named,
            so that a misspelt --out does not start a run on the demo collection.
        file_values: settings of a file, which flags beat, however either names them.
    """
    file_values = file_values or {}
    both = {**file_values, **given}
    settings = RunSettings.compose(network_of(both.get("init"), both), file_values, given)
    run = Run(out or Path("models") / f"{settings.arch}-{time.strftime('%Y%m%d-%H%M%S')}")
    if again:
        if "data" not in both:
            raise KgenreError(
                f"{run.folder}: no run to go on with. If it was stopped before its first line, type the first command "
                "again; else name the run with --out."
            )
        progress.line(f"nothing to resume in {run.folder}: starting again")
        remove_parts(run.folder)
    if run.is_foreign(but_setup=again):
        raise KgenreError(
            f"{run.folder}: exists and is not empty. Name another --out, or add --resume to go on with it."
        )
    if "data" not in both:
        progress.line("no --data given: training on the demo collection")
    return settings, run


def unfinished_run(models: Path = Path("models")) -> Path:
    runs = [Run(path.parent) for path in models.glob("*/config.json")]
    begun = [run.folder for run in runs if run.begun and not run.finished]
    if not begun:
        raise KgenreError(f"No unfinished run in {models.resolve()}. Name one with --out.")
    return max(begun, key=lambda path: (path / "config.json").stat().st_mtime)


def resumed_settings(run: Run, given: dict, command: str = "train", file_values: dict | None = None) -> RunSettings:
    """The run's own settings. What is given beside --resume may repeat them, or change what leaves their meaning alone.

    Args:
        command: that goes on with it.
        file_values: settings of a file, which those that are given beat.

    Raises:
        KgenreError: another command began it; another value of a setting that cannot change, or a setting that the
            run does not have.
    """
    before, asked, begun_by = run.load_settings(), run.load_facts()["asked"], run.command
    if begun_by != command:
        raise KgenreError(
            f"{run.folder}: was begun by `kgenre {begun_by}`. Go on with `{resume_command(run.folder, begun_by)}`."
        )
    remove_parts(run.folder)
    values = before.values()
    given = merged(expanded(table, tuple(before.features)) for table in (file_values or {}, given))
    changeable = CHANGEABLE_ON_RESUME - ({"cache_gib", "devices"} if before.training.deterministic else set())
    for name, value in given.items():
        if name in changeable or name not in values:
            continue
        if (listed(value) if name == "augment" else value) not in (values[name], asked.get(name)):
            raise KgenreError(
                f"`{name}` of a run cannot change. Received: {value}, begun with {values[name]}. "
                f"Leave it out, or start a new run. Changeable: {', '.join(sorted(changeable))}."
            )
    changes = {name: given[name] for name in given if name in changeable or name not in values}
    settings = before.replace(**changes)
    if changes:
        run.save_settings(settings)
    return settings


def train(
    settings: RunSettings, run: Run, progress: Progress = SILENT, collection=None, again: str | None = None
) -> None:
    """Trains and, on TensorFlow, exports; each step is skipped where an earlier try has done it.

    On another backend it leaves model.keras behind, which a process with TensorFlow exports (evaluation/finish.py).

    Args:
        collection: the tracks that a run begins with; those that the settings name if not given.
        again: the command that goes on with it, for the user.
    """
    from kgenre.training.backend import EXPORTING, keep_answers, start_backend
    from kgenre.training.devices import restart_devices

    if run.begun:
        restart_devices(settings.training.devices, run, progress, settings.training.accumulate)
        start_backend(settings)
    else:
        settings = begin(settings, run, progress, collection)
    progress.line(f"run folder {run.folder}; if stopped, go on with: {again or resume_command(run.folder)}")

    import keras

    from kgenre.training.fit import fit

    if not (run / "model.keras").is_file():
        fit(settings, run, progress)
    run.remove_state()
    if keras.backend.backend() == EXPORTING:
        export_trained(settings, run, progress)
    else:
        keep_answers(settings, run)


def export_trained(settings: RunSettings, run: Run, progress: Progress = SILENT) -> None:
    """Calibrates and exports a trained run, where that is not done; with TensorFlow."""
    from kgenre.serving.exporters import export_model
    from kgenre.training.backend import check_answers
    from kgenre.training.calibration import calibrate_run

    saved_model = run / "saved_model" / "1"
    if not saved_model.exists():
        check_answers(settings, run)
        calibrate_run(settings, run, progress)
        progress.line("exporting and checking the export")
        export_model(run.load_model(), run.load_task(), settings.slice_spec, saved_model, **run.told())


def begin(settings: RunSettings, run: Run, progress: Progress, collection=None) -> RunSettings:
    """Reads the collection if it is not given, checks its files and writes what the run starts from.

    Returns:
        The effective settings.
    """
    from kgenre.collections.label_share import draw_labelled
    from kgenre.collections.left_out import write_left_out

    check_start(settings)  # first, for the rest takes long
    network = resolved_network(settings)
    collection = collection or load_tracks(settings, progress)
    check_task(settings, collection)
    tracks, failures, shapes = usable_tracks(settings, collection.table, progress)
    labels, training = trainable_genres(tracks, collection.name), settings.training
    labelled, drawn = draw_labelled(tracks, training.label_share, training.seed)
    not_drawn = tracks.loc[~tracks["path"].isin(labelled["path"]), "path"]
    left_out = {**collection.left_out, **failures, **dict.fromkeys(not_drawn, "not drawn by --label-share")}
    # What spectrograms settle is of all tracks: it needs no labels.
    resolved = {"task": collection.task, **network, **resolved_input(settings, tracks, shapes)}
    tracks, collection = labelled, replace(collection, protocol=collection.protocol + drawn)
    progress.line(describe(tracks, labels, collection))
    if settings.init is not None:
        resolved["init"] = str(Path(settings.init).resolve())  # the run may be resumed from elsewhere
    settings, settled = settle(settings, resolved)
    from kgenre.training.backend import start_backend
    from kgenre.training.devices import start_devices

    devices = start_devices(settings.training.devices, progress, settings.training.accumulate)
    start_backend(settings)  # after what is read of the collection: it takes seconds
    from kgenre.training.fit import initial_model

    task = collection.make_task(labels)
    initial_model(settings, task)  # what cannot be built should say so before there is a run folder
    facts = {
        **run_facts(settings, task, devices, failures),
        "protocol": collection.protocol,
        "leaky": collection.leaky,
        **settled,
        **settings.answers.facts(),
    }
    if settings.init is not None:
        run.save_start(Run(settings.init))
    write_left_out(run / "left_out.csv", left_out)
    run.save_setup(settings, labels, tracks, facts)
    return settings


def settle(settings: RunSettings, resolved: dict) -> tuple[RunSettings, dict]:
    """The settings with the values that machine and data settle, and the facts of a run that tell what was asked."""
    asked = settings.values()
    facts = {"resolved": resolved, "asked": {name: asked[name] for name in resolved}}
    return settings.replace(**resolved), facts


def check_start(settings: RunSettings) -> None:
    """Raises KgenreError where a decoder does not work in this environment, or a feature is too low for the network."""
    from kgenre.audio.decoders import check_decoder

    check_decoder(settings.reader.policy.decoder)
    least = ARCHS[settings.arch].min_size
    for name, own in settings.features.items():
        rows = settings.image.image_height or len(FEATURES[name].bins(settings.audio.sample_rate_hz, own))
        if rows < least:
            raise KgenreError(
                f"`{settings.arch}` needs images of {least} rows at least. Received: {rows} of {name}. "
                f"Set --image-height {least} or more."
            )


def usable_tracks(settings: RunSettings, table, progress: Progress):
    """Checks the files of tracks, and tells of those that cannot be used.

    Returns:
        The tracks that can, {path: cause} of the others, and {path: (frames, bins)} of spectrograms.

    Raises:
        KgenreError: more than `max_bad_share` of them cannot.
    """
    from kgenre.audio.reader import check_bad_share

    paths = list(table["path"])
    with progress.task("checking files", len(paths), "files") as advance:
        failures, shapes = _check_files(settings, paths, advance)
    progress.failures(failures)
    check_bad_share(failures, len(paths), settings.reader.max_bad_share)
    return table[~table["path"].isin(failures)].reset_index(drop=True), failures, shapes


def resolved_network(settings: RunSettings) -> dict:
    """{name: value} of the settings that the machine settles: the weights that a network begins with.

    Raises:
        KgenreError: it begins with a file that is missing.
    """
    # The weights of another run replace the network's own, which would be fetched for nothing.
    return {} if settings.init is not None else ARCHS[settings.arch].resolve(settings.network)


def resolved_input(settings: RunSettings, tracks, shapes) -> dict:
    """{name: value} of the settings that spectrograms settle; {} of audio.

    Args:
        tracks, shapes: of `usable_tracks`.
    """
    from kgenre.training.spectrograms import settle_spectrograms

    if settings.input != SPECTROGRAM:
        return {}
    return settle_spectrograms(settings, list(tracks.loc[tracks["split"] == "train", "path"]), shapes)


def run_facts(settings: RunSettings, task: Task, devices: list[str], failures: dict[str, str]) -> dict:
    """What run.json holds of every run: versions, what reads the tracks and computes, task, files that are bad."""
    from kgenre.audio.open_reader import reader_versions
    from kgenre.training.backend import backend_version, tensorflow_version

    return {
        "kgenre": kgenre.__version__,
        "keras": importlib.metadata.version("keras"),
        "tensorflow": tensorflow_version(),
        "backends": [backend_version()],
        "devices": devices,
        "decoder_versions": reader_versions(settings.slice_spec, settings.reader.policy.decoder),
        "task": task.name,
        "parameters": {name: list(getattr(task, name)) for name in task.parameters},
        "bad_files": failures,
    }


def load_tracks(settings: RunSettings, progress: Progress = SILENT):
    """The Collection that a run's settings name."""
    from kgenre.collections import load_collection
    from kgenre.training.spectrograms import spec_to_cut

    return load_collection(
        settings.data,
        seed=settings.training.seed,
        progress=progress,
        options=settings.collection,
        slice_spec=spec_to_cut(settings),
    )


def _check_files(settings: RunSettings, paths: list[str], advance) -> tuple[dict[str, str], dict]:
    """{path: cause} of the files that cannot be used, and {path: (frames, bins)} of spectrograms."""
    from kgenre.audio.reader import check_files
    from kgenre.audio.spectrogram_reader import check_spectrograms

    workers = settings.reader.workers
    if settings.input == SPECTROGRAM:
        return check_spectrograms(paths, workers, settings.spectrogram.n_bins, advance)
    return check_files(paths, workers, advance, settings.reader.policy.decoder), {}


def check_task(settings: RunSettings, collection) -> None:
    """Raises KgenreError for a setting of another task than the collection's."""
    if settings.training.positive_weights and collection.task != "multi":
        raise KgenreError(
            f"`positive_weights` is for several genres a track. Received: {collection.name}, with one genre a track. "
            "Leave it out, or add --task multi; --balanced is for one genre a track."
        )


def describe(tracks, labels: list[str], collection) -> str:
    from kgenre.collections.checks import missing_genres
    from kgenre.collections.splits import SPLITS, artist_overlap

    counts = ", ".join(f"{(tracks['split'] == split).sum()} {split}" for split in SPLITS)
    train = tracks[tracks["split"] == "train"]
    lines = [
        f"{collection.name}: {len(tracks)} tracks of {len(labels)} genres: {counts}",
        f"protocol: {collection.protocol}",
    ]
    if collection.leaky:
        lines.append(f"LEAKY: {collection.leaky}")
    for split in SPLITS[1:]:
        rows = tracks[tracks["split"] == split]
        lines.append(f"{split}: {artist_overlap(rows, train)}" if len(rows) else f"{split}: no tracks")
    small = [split for split in SPLITS[1:] if 0 < (tracks["split"] == split).sum() < 20]
    if small:
        lines.append(f"note: fewer than 20 tracks in {' and '.join(small)}: the metrics will be rough")
    return "\n".join([*lines, *missing_genres(tracks)])
