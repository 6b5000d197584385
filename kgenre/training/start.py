"""Trains a network to name genres, evaluates it once on test, and exports it.

    kgenre train --arch resnet50
    kgenre train --arch convpool --data ~/Music/by_genre --out models/mine
    kgenre train --resume --out models/mine

Writes a run folder: config.json, labels.txt, tracks.csv (the split), history.csv, curves.png,
model.keras, saved_model/1/, metrics.json, confusion.csv, confusion.png, and logs/ for TensorBoard.
A run that was killed goes on with --resume; nothing but its running epoch is lost.
"""

import argparse
import dataclasses
import importlib.metadata
import time
from pathlib import Path

import kgenre
from kgenre import cli
from kgenre.archs import ARCHS
from kgenre.collections.splits import trainable_genres
from kgenre.core.errors import KgenreError
from kgenre.model.settings import Config, as_held, make_config, read_config

# Not epochs: the learning rate's schedule is laid out over them.
CHANGEABLE_ON_RESUME = {"patience", "workers", "cache_gib", "max_bad_share"}


def new_run(args: argparse.Namespace):
    """The effective config and the run folder of a new run, checked before anything is made.

    With --resume it begins anew where a kill came before there was anything to go on with; the data must
    then be named, so that a misspelt --out does not start a run on the demo collection.
    """
    from kgenre.training.run import Run, remove_parts

    flags, file_values = cli.config_flags(args), read_config(args.config) if args.config else {}
    config = make_config(file_values, flags)
    run = Run(args.out or Path("models") / f"{config.arch}-{time.strftime('%Y%m%d-%H%M%S')}")
    if args.resume:
        if "data" not in {**file_values, **flags}:
            raise KgenreError(
                f"{run.folder}: no run to go on with. If it was stopped before its first line, type the first command "
                "again; else name the run with --out."
            )
        print(f"nothing to resume in {run.folder}: beginning anew")
        remove_parts(run.folder)
    if run.is_foreign(but_setup=args.resume):
        raise KgenreError(
            f"{run.folder}: exists and is not empty. Name another --out, or add --resume to go on with it."
        )
    if "data" not in {**file_values, **flags}:
        print("no --data given: training on the demo collection")
    return config, run


def unfinished_run(models: Path = Path("models")) -> Path:
    from kgenre.training.run import Run

    runs = [Run(path.parent) for path in models.glob("*/config.json")]
    begun = [run.folder for run in runs if run.begun and not run.finished]
    if not begun:
        raise KgenreError(f"No unfinished run in {models.resolve()}. Name one with --out.")
    return max(begun, key=lambda path: (path / "config.json").stat().st_mtime)


def resumed_config(run, args: argparse.Namespace) -> Config:
    """The run's own config. What is given beside --resume may repeat it, or change what leaves its meaning alone."""
    from kgenre.training.run import remove_parts

    before, asked = run.load_config(), run.load_facts()["asked"]
    remove_parts(run.folder)
    given = {**(read_config(args.config) if args.config else {}), **cli.config_flags(args)}
    for name, value in given.items():
        if name not in CHANGEABLE_ON_RESUME and as_held(name, value) not in (getattr(before, name), asked.get(name)):
            raise KgenreError(
                f"`{name}` of a run cannot change. Received: {value}, begun with {getattr(before, name)}. "
                f"Leave it out, or start a new run. Changeable: {', '.join(sorted(CHANGEABLE_ON_RESUME))}."
            )
    return dataclasses.replace(before, **{name: given[name] for name in CHANGEABLE_ON_RESUME & set(given)})


def train(config: Config, run) -> None:
    """Trains, exports and evaluates; each step is skipped where an earlier try has done it.

    The export comes before the figure, so that the figure is that of the very model that is served.
    """
    from kgenre.collections.splits import Collection
    from kgenre.evaluation.evaluate import evaluate
    from kgenre.model.build import check_backend
    from kgenre.serving.exporters.saved_model import export
    from kgenre.serving.saved_model import Predictor
    from kgenre.training.fit import fit

    check_backend()
    if not run.begun:
        config = begin(config, run)
    if not (run / "model.keras").is_file():
        fit(config, run)
    run.remove_state()
    saved_model = run / "saved_model" / "1"
    if not saved_model.exists():
        print("exporting and checking the export", flush=True)
        labels, sizes = run.load_labels(), (config.sample_rate_hz, config.clip_samples, config.hop_samples)
        export(run.load_model(), labels, *sizes, saved_model)
    collection = Collection(config.data, run.load_tracks(), run.load_facts()["protocol"])
    evaluate(
        Predictor(saved_model), collection, "test", collection.table, run.folder, config.workers, config.max_bad_share
    )


def begin(config: Config, run) -> Config:
    """Reads the collection, checks its files and writes what the run starts from; the effective config."""
    from kgenre.audio.decoders import decoder_versions
    from kgenre.audio.reader import check_bad_share, check_files
    from kgenre.collections import load_collection
    from kgenre.model.build import build_model

    collection = load_collection(config.data, seed=config.seed)
    paths = list(collection.table["path"])
    with cli.progress() as bar:
        task = bar.add_task("checking files", total=len(paths), unit="files")
        failures = check_files(paths, config.workers, lambda: bar.advance(task))
    cli.list_failures(failures)
    check_bad_share(failures, len(paths), config.max_bad_share)
    tracks = collection.table[~collection.table["path"].isin(failures)].reset_index(drop=True)
    labels = trainable_genres(tracks, collection.name)
    print(describe(tracks, labels, collection), flush=True)
    resolved = ARCHS[config.arch].resolve(config)
    asked, config = config, dataclasses.replace(config, **resolved)
    build_model(config, len(labels))  # what cannot be built should say so before there is a run folder
    facts = {
        "kgenre": kgenre.__version__,
        "keras": importlib.metadata.version("keras"),
        "tensorflow": importlib.metadata.version("tensorflow"),
        "decoders": decoder_versions(),
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
