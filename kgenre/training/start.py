"""The start of a run: its settings, its folder, the collection that it learns from; and the way to the export."""

import dataclasses
import importlib.metadata
import time
from pathlib import Path

import kgenre
from kgenre.archs import ARCHS
from kgenre.collections.splits import trainable_genres
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress
from kgenre.model.settings import Config, make_config, normalize
from kgenre.training.run import Run, remove_parts

# Not epochs: the learning rate's schedule is laid out over them.
CHANGEABLE_ON_RESUME = {"patience", "workers", "cache_gib", "max_bad_share"}


def new_run(given: dict, out, again: bool, progress: Progress = SILENT) -> tuple[Config, Run]:
    """The effective config and the run folder of a new run, checked before anything is made.

    Args:
        given: settings of a file and of flags.
        out: the run folder; None names it by architecture and time.
        again: begin anew where a kill came before there was anything to resume; the data must then be named,
            so that a misspelt --out does not start a run on the demo collection.
    """
    config = make_config(given, {})
    run = Run(out or Path("models") / f"{config.arch}-{time.strftime('%Y%m%d-%H%M%S')}")
    if again:
        if "data" not in given:
            raise KgenreError(
                f"{run.folder}: no run to go on with. If it was stopped before its first line, type the first command "
                "again; else name the run with --out."
            )
        progress.line(f"nothing to resume in {run.folder}: beginning anew")
        remove_parts(run.folder)
    if run.is_foreign(but_setup=again):
        raise KgenreError(
            f"{run.folder}: exists and is not empty. Name another --out, or add --resume to go on with it."
        )
    if "data" not in given:
        progress.line("no --data given: training on the demo collection")
    return config, run


def unfinished_run(models: Path = Path("models")) -> Path:
    runs = [Run(path.parent) for path in models.glob("*/config.json")]
    begun = [run.folder for run in runs if run.begun and not run.finished]
    if not begun:
        raise KgenreError(f"No unfinished run in {models.resolve()}. Name one with --out.")
    return max(begun, key=lambda path: (path / "config.json").stat().st_mtime)


def resumed_config(run: Run, given: dict) -> Config:
    """The run's own config. What is given beside --resume may repeat it, or change what leaves its meaning alone."""
    before, asked = run.load_config(), run.load_facts()["asked"]
    remove_parts(run.folder)
    for name, value in given.items():
        if name not in CHANGEABLE_ON_RESUME and normalize(name, value) not in (getattr(before, name), asked.get(name)):
            raise KgenreError(
                f"`{name}` of a run cannot change. Received: {value}, begun with {getattr(before, name)}. "
                f"Leave it out, or start a new run. Changeable: {', '.join(sorted(CHANGEABLE_ON_RESUME))}."
            )
    return dataclasses.replace(before, **{name: given[name] for name in CHANGEABLE_ON_RESUME & set(given)})


def train(config: Config, run: Run, progress: Progress = SILENT) -> None:
    """Trains and exports; each step is skipped where an earlier try has done it."""
    from kgenre.model.build import check_backend
    from kgenre.serving.exporters import export
    from kgenre.training.fit import fit

    check_backend()
    if not run.begun:
        config = begin(config, run, progress)
    if not (run / "model.keras").is_file():
        fit(config, run, progress)
    run.remove_state()
    saved_model = run / "saved_model" / "1"
    if not saved_model.exists():
        progress.line("exporting and checking the export")
        export(run.load_model(), run.load_task(), config.slice_spec, saved_model)


def begin(config: Config, run: Run, progress: Progress) -> Config:
    """Reads the collection, checks its files and writes what the run starts from; the effective config."""
    from kgenre.audio.decoders import decoder_versions
    from kgenre.audio.reader import check_bad_share, check_files
    from kgenre.collections import load_collection
    from kgenre.model.build import build_model

    collection = load_collection(config.data, seed=config.seed, progress=progress)
    paths = list(collection.table["path"])
    with progress.task("checking files", len(paths), "files") as advance:
        failures = check_files(paths, config.workers, advance)
    progress.failures(failures)
    check_bad_share(failures, len(paths), config.max_bad_share)
    tracks = collection.table[~collection.table["path"].isin(failures)].reset_index(drop=True)
    labels = trainable_genres(tracks, collection.name)
    progress.line(describe(tracks, labels, collection))
    resolved = ARCHS[config.arch].resolve(config)
    asked, config = config, dataclasses.replace(config, **resolved)
    build_model(config, len(labels))  # what cannot be built should say so before there is a run folder
    facts = {
        "kgenre": kgenre.__version__,
        "keras": importlib.metadata.version("keras"),
        "tensorflow": importlib.metadata.version("tensorflow"),
        "decoders": decoder_versions(),
        "task": "single_label",
        "protocol": collection.protocol,
        "resolved": resolved,
        "asked": {setting: getattr(asked, setting) for setting in resolved},
        "bad_files": failures,
    }
    run.save_setup(config, labels, tracks, facts)
    return config


def describe(tracks, labels: list[str], collection) -> str:
    from kgenre.collections.splits import SPLITS, artist_overlap

    counts = ", ".join(f"{(tracks['split'] == split).sum()} {split}" for split in SPLITS)
    train = tracks[tracks["split"] == "train"]
    lines = [
        f"{collection.name}: {len(tracks)} tracks of {len(labels)} genres: {counts}",
        f"protocol: {collection.protocol}",
    ]
    for split in SPLITS[1:]:
        rows = tracks[tracks["split"] == split]
        lines.append(f"{split}: {artist_overlap(rows, train)}" if len(rows) else f"{split}: no tracks")
    small = [split for split in SPLITS[1:] if 0 < (tracks["split"] == split).sum() < 20]
    if small:
        lines.append(f"note: fewer than 20 tracks in {' and '.join(small)}: the figures will be rough")
    return "\n".join(lines)
