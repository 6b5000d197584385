"""Whether pre-training helps where few tracks are labelled: accuracy on valid, by share of the labels.

    python -m benchmarks.pretraining FILE.npz --out FOLDER

FILE.npz holds spectrograms with genre and split (docs/collections.md). Of each seed a network is pre-trained on the
train tracks without their genres. Then, of each share of the labels, one network is trained from random weights and one
from the pre-trained ones, for the same number of steps, and a logistic regression is fitted to the pre-trained
network's embedding as it is. The accuracy is that of whole valid tracks after the last epoch: none is selected by
genres; the epoch of the pre-training is the one in which valid tracks are told apart best. A command that was stopped
goes on when it is repeated.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre import cli
from kgenre.baselines.hyperparameters import make_pipeline
from kgenre.baselines.vectors import VectorRequest, track_vectors
from kgenre.cli.tables import markdown
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder, write_json, write_text
from kgenre.evaluation.evaluate import release_memory
from kgenre.training.fit import fit
from kgenre.training.pretraining.start import new_pretraining, pretrain, resumed_pretraining
from kgenre.training.run import Run, network_of
from kgenre.training.settings import RunSettings
from kgenre.training.start import begin, resumed_settings

RANDOM, PRETRAINED, FROZEN = "random weights", "pre-trained weights", "embedding as it is"


def main(argv=None) -> int:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = cli.Parser(prog="python -m benchmarks.pretraining", description=__doc__, formatter_class=formatter)
    parser.add_argument("file", type=Path, metavar="FILE.npz", help="spectrograms with genre and split")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the runs and the table")
    parser.add_argument("--arch", default="convpool", metavar="NAME", help="network (default: convpool)")
    parser.add_argument("--shares", nargs="+", type=float, default=(0.05, 0.2, 1.0), metavar="S", help="of the labels")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="of weights and labels (default: 5)")
    parser.add_argument("--pretrain-epochs", type=int, default=100, metavar="N", help="default: 100")
    parser.add_argument("--epochs", type=int, default=20, metavar="N", help="of each training (default: 20)")
    parser.add_argument("--steps", type=int, default=50, metavar="N", help="an epoch of each training (default: 50)")
    parser.add_argument("--slice-frames", type=int, metavar="N", help="of a slice (default: 128, or all of a track)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="reading threads (default: 1)")
    return cli.run(_measure, parser.parse_args(argv))


def _measure(args: argparse.Namespace) -> int:
    out, progress, rows = make_output_folder(args.out), cli.BarProgress(), []
    keep_arguments(args, out / "arguments.json")
    for seed in range(args.seeds):
        given = {"data": str(args.file), "arch": args.arch, "seed": seed, "workers": args.workers}
        given |= {"slice_frames": args.slice_frames} if args.slice_frames else {}
        start = pretrained(given, args.pretrain_epochs, out / f"pretrain-{seed}", progress)
        for share in args.shares:
            length = {"label_share": share, "epochs": args.epochs, "patience": args.epochs}
            own = {**given, **length, "steps_per_epoch": args.steps}
            for name, more in ((RANDOM, {}), (PRETRAINED, {"init": str(start.folder)})):
                run = trained({**own, **more}, out / f"{name.partition(' ')[0]}-{share:g}-{seed}", progress)
                last = pd.read_csv(run / "history.csv").iloc[-1]
                rows.append((seed, share, name, last["valid_accuracy"]))
            rows.append((seed, share, FROZEN, frozen_accuracy(start, run.load_tracks(), progress)))
            found = pd.DataFrame(rows, columns=["seed", "share", "start", "accuracy"])
            write_text(out / "accuracies.csv", found.to_csv(index=False))
    text = table(found)
    write_text(out / "pretraining.md", text)
    print(f"{text}written to {out / 'pretraining.md'}")
    return 0


def keep_arguments(args: argparse.Namespace, path: Path) -> None:
    """Raises KgenreError where the folder was begun with others: its runs are of those. More seeds may be added."""
    kept = {name: getattr(args, name) for name in ("arch", "pretrain_epochs", "epochs", "steps", "slice_frames")}
    kept["file"] = str(args.file.resolve())
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else kept
    for name, value in kept.items():
        if before.get(name) != value:
            raise KgenreError(
                f"{path.parent}: was begun with {name}={before.get(name)}. Received: {value}. Repeat the first "
                "command, or name another folder with --out."
            )
    write_json(path, kept)


def pretrained(given: dict, epochs: int, folder: Path, progress) -> Run:
    run = Run(folder)
    if not run.finished:
        given = {**given, "epochs": epochs, "patience": epochs}
        work = (
            resumed_pretraining(run, {}) if run.begun else new_pretraining(given, folder, run.folder.exists(), progress)
        )
        pretrain(work, progress)
        release_memory()
    return run


def trained(given: dict, folder: Path, progress) -> Run:
    """The run of these settings, trained and not exported."""
    run = Run(folder)
    if not (run / "model.keras").is_file():
        if run.begun:
            settings = resumed_settings(run, {})
        else:
            settings = begin(RunSettings.compose(network_of(given.get("init"), given), given), run, progress)
        fit(settings, run, progress)
        release_memory()
    run.remove_state()
    return run


def frozen_accuracy(run: Run, tracks: pd.DataFrame, progress) -> float:
    """Accuracy on valid of a logistic regression on the embeddings of the train tracks."""
    request = VectorRequest(str(run.folder), tracks, run.folder, None, 1, None, progress, layer="embedding")
    vectors, rows = track_vectors(request), {split: tracks[tracks["split"] == split] for split in ("train", "valid")}
    fitted = make_pipeline("logistic", 0, None).fit(vectors.matrix(rows["train"]), rows["train"]["genre"].to_numpy())
    return float(np.mean(fitted.predict(vectors.matrix(rows["valid"])) == rows["valid"]["genre"].to_numpy()))


def table(found: pd.DataFrame) -> str:
    """Mean and standard deviation over the seeds, in per cent."""
    lines = []
    for share in found["share"].unique():
        cells = []
        for name in (RANDOM, PRETRAINED, FROZEN):
            values = 100 * found.loc[(found["share"] == share) & (found["start"] == name), "accuracy"]
            cells.append(f"{values.mean():.1f}" + (f" ± {values.std():.1f}" if len(values) > 1 else ""))
        lines.append((f"{share:.0%}", *cells))
    return markdown(("labels", RANDOM, PRETRAINED, FROZEN), lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
