"""Trains a network on a collection, evaluates it once on the test tracks, and exports it.

    kgenre train --data DIR|MANIFEST [--arch NAME] [--config NAME|FILE] [--out RUN]
    kgenre train --config demo --out models/mine
    kgenre train --resume --out models/mine

Writes a run folder: config.json, labels.txt, tracks.csv (the split), history.csv, curves.png,
model.keras, saved_model/1/, metrics.json, confusion.csv, confusion.png, and logs/ for TensorBoard.
A run that was killed goes on with --resume; nothing but its running epoch is lost.

The settings below are those of the network, feature and augmentations that are chosen. For the settings of others,
name them: `kgenre train --arch crnn --feature cqt --augment mixup --help`.
"""

import argparse
import sys

from kgenre import cli
from kgenre.audio.inputs import WAVEFORM
from kgenre.core.keras_backends import NEEDED, training_backend
from kgenre.core.packages import check_installed
from kgenre.training.applicable import SELECTORS, applicable
from kgenre.training.config import HELP, config_values, named_config


def main(argv=None) -> int:
    early = cli.Parser(add_help=False)
    early.add_argument("--config", type=named_config, metavar="NAME|FILE", help=HELP)
    text = "train and test as many times, each time on another part of all tracks; RUN then holds fold-1, fold-2, ..."
    early.add_argument("--folds", type=int, metavar="K", help=text)
    cli.add_run_flags(early)
    parser = cli.make_parser("train", __doc__, parents=[early])
    return cli.run_applicable(_train, parser, early, SELECTORS, argv, _applicable)


def _applicable(args: argparse.Namespace, selected: dict):
    begun = cli.resumed_values(args)
    return applicable({**begun, **_config_values(args, selected)}, selected, begun=bool(begun))


def _config_values(args: argparse.Namespace, given: dict) -> dict:
    """The settings of --config."""
    return config_values(args.config, {**cli.resumed_values(args), **given})


def _train(args: argparse.Namespace, given: dict) -> int:
    check_installed(*NEEDED[training_backend()])  # before the collection is read
    from kgenre.audio.decoders import check_decoder
    from kgenre.evaluation.finish import train_and_evaluate
    from kgenre.evaluation.folds import folds_of, run_folds
    from kgenre.training.run import Run
    from kgenre.training.start import new_run, resumed_settings

    progress = cli.BarProgress()
    file_values = _config_values(args, given)
    run = Run(cli.run_to_resume(args)) if args.resume else None
    if run and run.begun:
        settings = resumed_settings(run, given, file_values=file_values)
        print(f"resuming {run.folder}")
    else:
        settings, run = new_run(given, args.out, args.resume, progress, file_values)
    n_folds = folds_of(run, args.folds, settings)
    if not run.finished:
        check_decoder(settings.reader.policy.decoder)
        if n_folds:
            run_folds(settings, run, n_folds, progress)
        else:
            train_and_evaluate(settings, run, progress)
    print_result(run)
    return 0


def print_result(run) -> None:
    print((run / "report.txt").read_text(encoding="utf-8", errors="surrogateescape"))
    print(f"run folder   {run.folder}")
    if (run / "saved_model").is_dir():
        print(f"SavedModel   {run / 'saved_model'}")
        track = "SONG.mp3" if run.load_settings().input == WAVEFORM else "SPECTROGRAM.npy"
        print(f"next         kgenre predict --model {run.folder} {track}")


if __name__ == "__main__":
    sys.exit(main())
