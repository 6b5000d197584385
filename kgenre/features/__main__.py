"""Draws a feature of a song, or writes one of every track of a collection: what a network sees.

    kgenre features SONG.mp3
    kgenre features SONG.mp3 --feature cqt --start 60 --seconds 10 --out cqt.png
    kgenre features demo --feature cqt --out cqt
    kgenre features ~/music/by_genre --feature logmel --format png --out mels

Of a song it draws a plot over seconds and hertz; the ends of its scale are the 0 and 1 of the image that the network
is given. Several features, `--feature logmel,cqt`, are drawn one below the other. Of a collection, which is what
--data of the other commands takes, it writes spectrograms to DIR/GENRE/NAME.npy or .png and a manifest, to train on
with `kgenre train --data spectrograms:DIR`. To continue where it was stopped, repeat the command. Files that cannot be
used are listed on stderr with the reason, and the exit status is then 1. The settings below are those of the feature
that is chosen; for another's, name it: `kgenre features --feature cqt --help`.
"""

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path

from kgenre import cli
from kgenre.audio.settings import AudioSettings, ReaderSettings
from kgenre.audio.walk import AUDIO_SUFFIXES
from kgenre.cli.output import read_output
from kgenre.collections.feature_formats import FORMATS
from kgenre.core.errors import KgenreError
from kgenre.core.settings import Applicable, fields_of
from kgenre.features import FEATURES
from kgenre.features.plot import MAX_SECONDS, SECONDS, Panel, check_range, compute, draw
from kgenre.features.several import feature_fields, split_features
from kgenre.model.settings import ModelSelection, ModelSettings
from kgenre.training.settings import TrainingSettings

SELECTOR = fields_of(ModelSelection)["feature"]
OF_SONG = ("start", "seconds")
OF_COLLECTION = ("format", "workers", "seed", "task", "level", "min_tracks_per_genre", *cli.ENGINE_FLAGS)
TABLES = (".csv", ".parquet", ".npz")


def main(argv=None) -> int:
    parser = cli.make_parser("features", __doc__)
    parser.add_argument("source", metavar="SONG|DATA", help="an audio file, or a collection")
    parser.add_argument("--start", type=float, metavar="SECONDS", help="where to begin in a song (default: 0)")
    parser.add_argument("--seconds", type=float, help=f"how much of a song to draw at most (default: {SECONDS:g})")
    formats = "; ".join(f"{name}: {row.description}" for name, row in FORMATS.items())
    parser.add_argument("--format", choices=FORMATS, help=f"of a collection: {formats} (default: npy)")
    text = "plot of a song to write (default: SONG-FEATURE.png, here); folder for a collection's spectrograms"
    parser.add_argument("--out", type=Path, metavar="FILE|DIR", help=text)
    cli.add_settings_flags(parser, ReaderSettings, "workers")
    cli.add_settings_flags(parser, TrainingSettings, "seed")
    cli.add_collection_flags(parser)
    cli.add_engine_flags(parser)
    return cli.run_applicable(_features, parser, cli.Parser(add_help=False), [SELECTOR], argv, _applicable)


def _features(args: argparse.Namespace, given: dict) -> int:
    path, suffix = Path(args.source), Path(args.source).suffix.lower()
    is_song = suffix in AUDIO_SUFFIXES or (path.is_file() and suffix not in TABLES)
    return (_draw if is_song and not path.is_dir() else _write)(args, given)


def _applicable(args: argparse.Namespace, selected: dict) -> Applicable:
    features = split_features(selected.get("feature", SELECTOR.default))
    rate = fields_of(AudioSettings)["sample_rate_hz"]
    for feature in features:
        rate = dataclasses.replace(rate, default=FEATURES[feature].defaults.get(rate.name, rate.default))
    own = feature_fields(features)
    every = {name: field for other in FEATURES.values() for name, field in fields_of(other.settings).items()}
    text = f"what is drawn or written: {', '.join(FEATURES)}; of a song several, with commas between"
    selector = dataclasses.replace(SELECTOR, description=text)
    return Applicable(
        {"feature": [selector, *own.values(), rate]}, [field for name, field in every.items() if name not in own]
    )


def _refuse(args: argparse.Namespace, names: tuple[str, ...], what: str) -> None:
    for name in names:
        if getattr(args, name, None) is not None:
            flag = "--" + name.replace("_", "-")
            raise KgenreError(f"`{flag}` is for {what}. Received: {flag} and {args.source}. Leave out one of the two.")


def _settings(given: dict) -> ModelSettings:
    return ModelSettings.compose(given, {"slice_seconds": MAX_SECONDS})  # no slices here, which could be too short


def _draw(args: argparse.Namespace, given: dict) -> int:
    _refuse(args, OF_COLLECTION, "a collection")
    start, seconds = args.start or 0.0, SECONDS if args.seconds is None else args.seconds
    check_range(start, seconds)
    chosen = _settings(given)
    sample_rate, features = chosen.audio.sample_rate_hz, "+".join(chosen.features)
    png = args.out or Path(f"{Path(args.source).stem}-{features}.png")
    png = read_output(png, ("png",), needs_ending=True).path

    from kgenre.audio.decode import decode

    audio = decode(args.source, sample_rate, start, seconds)
    song, panels = cli.one_line(Path(args.source).name), []
    for feature, settings in chosen.features.items():
        row = FEATURES[feature]
        spectrogram = compute(audio.samples, row, sample_rate, settings)
        panels.append(Panel(f"{song}\n{feature}: {row.description}", spectrogram, row, sample_rate, settings))
    draw(panels, png, start, audio.seconds)
    note = f" ({', '.join(audio.flags)})" if audio.flags else ""
    print(f"{cli.one_line(str(png))}: {features} of {audio.seconds:.1f} s from {start:.1f} s{note}")
    return 0


def _write(args: argparse.Namespace, given: dict) -> int:
    _refuse(args, OF_SONG, "a song")
    chosen = _settings(given)
    if len(chosen.features) > 1:
        raise KgenreError(
            f"Spectrograms of a collection are of one feature. Received: --feature {chosen.feature}. "
            "Name one, or train on several from audio: `kgenre train --feature`."
        )
    if args.out is None:
        raise KgenreError(f"{args.source}: a collection needs a folder for its spectrograms. Name it with --out DIR.")
    cli.check_local(args.out, "--out")

    from kgenre.collections import load_collection
    from kgenre.collections.feature_files import FeatureFiles, write_features

    progress, seed = cli.BarProgress(), cli.settings_from(TrainingSettings, args).seed
    collection = load_collection(args.source, seed=seed, progress=progress, options=cli.collection_options(args))
    own = (chosen.audio.sample_rate_hz, chosen.features[chosen.feature].model_dump())
    files = FeatureFiles(chosen.feature, *own, args.format or "npy")
    workers, engine = cli.settings_from(ReaderSettings, args).workers, cli.engine_settings(args)
    with cli.stoppable(engine, args.out):
        failures, n_tracks = write_features(collection, files, args.out, workers, progress, engine)
    progress.failures(failures)
    data = shlex.quote(f"spectrograms:{args.out}")
    if engine.is_whole:
        print(f"{args.out}: {chosen.feature} of {n_tracks} tracks; next: kgenre train --data {data}")
    else:
        cli.print_part(engine, args.out, n_tracks)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
