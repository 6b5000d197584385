"""Every network of ARCHS trained for the same time on the same tracks, as a Markdown table.

    python -m benchmarks.architectures --data MANIFEST --minutes-per-run 10 --seeds 3 --out docs/architectures.md

A run is a network with its default settings and a seed. It trains until the first step that ends after
its minutes, counted from the end of its first step (which compiles) with the audio decoded beforehand
where it fits the cache. Where a network's schedule is a cosine, it is laid out over the minutes in place
of the epochs. The weights at the end are evaluated on the valid tracks: no epoch is chosen on them, and
test tracks are dropped before anything else. Finished runs are kept in a .json file beside the table
and skipped when the command is typed again.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import argparse
import functools
import gc
import json
import math
import statistics
import sys
import time
from pathlib import Path

import keras
import tensorflow as tf

from kgenre import cli
from kgenre.archs import ARCHS
from kgenre.audio.cache import AudioCache
from kgenre.audio.reader import TrackReader, check_bad_share, check_files
from kgenre.audio.settings import ReaderSettings
from kgenre.cli.tables import markdown
from kgenre.collections import load_collection
from kgenre.collections.splits import trainable_genres
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_text
from kgenre.core.metrics import wilson_interval
from kgenre.core.settings import settings_json
from kgenre.model.build import reseed
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.serving.keras_model import KerasModel
from kgenre.training.batch_statistics import BatchStatistics
from kgenre.training.fit import batches, compiled_model, unaugmented_slices
from kgenre.training.plan import training_plan
from kgenre.training.settings import RunSettings
from kgenre.training.validation import validate


def main(argv=None) -> int:
    parser = cli.Parser(
        prog="python -m benchmarks.architectures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", default="demo", help="demo, a folder of genre folders, or a manifest (default: demo)")
    parser.add_argument("--name", help="what the table calls the collection (default: the last part of --data)")
    parser.add_argument("--minutes-per-run", type=float, default=10.0, help="of training, all runs alike (default: 10)")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each network (default: 3)")
    parser.add_argument("--archs", nargs="+", choices=ARCHS, default=list(ARCHS), help="(default: all)")
    parser.add_argument("--out", type=Path, default=Path("docs/architectures.md"), help="(default: %(default)s)")
    return cli.run(_compare, parser.parse_args(argv))


def _compare(args: argparse.Namespace) -> int:
    if not args.minutes_per_run > 0 or args.seeds < 1:
        raise KgenreError(
            "`minutes-per-run` and `seeds` must be positive. "
            f"Received: minutes-per-run={args.minutes_per_run:g}, seeds={args.seeds}."
        )
    tracks = Tracks(args.data, args.name or Path(args.data).name)
    setup = {"data": tracks.name, "minutes": args.minutes_per_run, "tracks": tracks.counts, "protocol": tracks.protocol}
    runs = [run_settings(arch, seed) for seed in range(args.seeds) for arch in args.archs]
    results = Results(args.out, setup, runs)
    waiting = [settings for settings in runs if results.get(settings) is None]
    least = len(waiting) * args.minutes_per_run
    print(f"{len(runs)} runs, {len(runs) - len(waiting)} of them done; at least {least:.0f} min left", flush=True)
    began = time.monotonic()
    for number, settings in enumerate(waiting):
        results.add(settings, train_for(settings, tracks, 60 * args.minutes_per_run))
        results.write_table()
        left = (time.monotonic() - began) / (number + 1) * (len(waiting) - number - 1)
        print(f"{results.line(settings)}   {left / 60:.0f} min left", flush=True)
    results.write_table()
    print(f"written to {args.out}")
    return 0


def run_settings(arch: str, seed: int) -> RunSettings:
    """The network's default settings, with pretrained weights where it has them and they are available."""
    return RunSettings.compose({"arch": arch, "seed": seed, **resolved(arch)})


@functools.cache  # it may ask the network, and warns
def resolved(arch: str) -> dict:
    return ARCHS[arch].resolve(ARCHS[arch].settings())


class Tracks:
    """The train and valid tracks of a collection, their labels, and their decoded audio by sample rate."""

    def __init__(self, data: str, name: str):
        collection = load_collection(data)
        table = collection.table[collection.table["split"].isin(("train", "valid"))].reset_index(drop=True)
        failures = check_files(list(table["path"]), ReaderSettings().workers)
        cli.BarProgress().failures(failures)
        check_bad_share(failures, len(table), ReaderSettings().max_bad_share)
        table = table[~table["path"].isin(failures)]
        self.name, self.protocol = name, collection.protocol
        self.task = SingleLabel(tuple(trainable_genres(table, name)))
        self.numbers = {
            split: dict(zip(rows["path"], self.task.targets(rows))) for split, rows in table.groupby("split")
        }
        if not self.numbers["valid"]:
            raise KgenreError(f"{name}: no valid tracks to evaluate on. Give a `split` in the manifest.")
        self.caches: dict[int, AudioCache] = {}

    @property
    def counts(self) -> dict[str, int]:
        return {**{split: len(numbers) for split, numbers in self.numbers.items()}, "genres": len(self.task.labels)}

    def reader(self, settings: RunSettings) -> TrackReader:
        """A reader whose audio is decoded, as far as the cache holds it."""
        reader, rate = TrackReader(settings.audio.slice_spec), settings.audio.sample_rate_hz
        known = rate in self.caches
        reader.cache = self.caches.setdefault(rate, AudioCache(int(settings.reader.cache_gib * 2**30)))
        for path in () if known else [*self.numbers["train"], *self.numbers["valid"]]:
            for _ in reader.slices(path):
                pass
        return reader


class Budget(keras.callbacks.Callback):
    """Stops training at the first step that ends after `seconds`, and takes the time of every step."""

    def __init__(self, settings: RunSettings, seconds: float):
        super().__init__()
        self.training, self.rate = settings.training, settings.optimization.learning_rate
        self.seconds, self.ends, self.loss = seconds, [], math.nan

    def on_epoch_begin(self, epoch, logs=None):
        reseed(self.model, self.training.seed, epoch)

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.monotonic())
        self.loss = float(logs["loss"])
        share = self.trained / self.seconds
        if self.training.schedule == "cosine":
            self.model.optimizer.learning_rate = self.rate * (1 + math.cos(math.pi * min(1, share))) / 2
        self.model.stop_training = share >= 1 or not math.isfinite(self.loss)

    @property
    def trained(self) -> float:
        return self.ends[-1] - self.ends[0]

    @property
    def seconds_per_step(self) -> float:
        if len(self.ends) < 2:  # the loss of the very first was not finite
            return math.nan
        return statistics.median(after - before for before, after in zip(self.ends, self.ends[1:]))


def train_for(settings: RunSettings, tracks: Tracks, seconds: float) -> dict:
    """Trains a new model for `seconds` and evaluates it on the valid tracks."""
    keras.utils.clear_session()
    gc.collect()
    reader, train = tracks.reader(settings), tracks.numbers["train"]
    plan = training_plan(settings, list(train.values()), reader, list(train))
    model = compiled_model(settings.replace(schedule="constant"), tracks.task, plan.steps)
    dataset = batches(settings, tracks.task, reader, list(train), list(train.values()), plan)
    budget = Budget(settings, seconds)
    model.fit(dataset, epochs=10**6, steps_per_epoch=plan.steps, callbacks=[budget], shuffle=False, verbose=0)
    slices = unaugmented_slices(reader, list(train), list(train.values()), plan, settings.reader.workers, epoch=0)
    BatchStatistics(model).measure(slices)
    sizes = (settings.training.batch_size, settings.reader.workers)
    valid = validate(KerasModel(model, tracks.task, settings.audio.slice_spec), reader, tracks.numbers["valid"], *sizes)
    check_bad_share(reader.failures, sum(map(len, tracks.numbers.values())), settings.reader.max_bad_share)
    return {
        "image": list(model.get_layer("spectrogram_image").output.shape[1:]),
        "parameters": model.count_params(),
        "trainable": sum(math.prod(weight.shape) for weight in model.trainable_weights),
        "steps": len(budget.ends),
        "epochs": len(budget.ends) / plan.steps,
        "seconds": budget.trained,
        "seconds_per_step": budget.seconds_per_step,
        "train_loss": budget.loss,
        **valid,
    }


def as_json(settings: RunSettings) -> dict:
    """The settings as a file holds them, where tuples are lists."""
    return json.loads(settings_json(settings.values()))


class Results:
    """The runs that are done, in a .json file beside the table, and the table of those asked for.

    Raises:
        KgenreError: the file holds runs on other tracks or of another length.
    """

    def __init__(self, out: Path, setup: dict, asked: list[RunSettings]):
        self.out, self.setup, self.asked, self.runs = out, setup, asked, {}
        self.path = out.with_suffix(".json")
        if self.path.is_file():
            saved = json.loads(self.path.read_text(encoding="utf-8"))
            if saved["setup"] != setup:
                raise KgenreError(
                    f"{self.path}: the runs of a table must share their setup. Received: {setup}, there: "
                    f"{saved['setup']}. Name another --out, or remove the file."
                )
            self.runs = saved["runs"]
        out.parent.mkdir(parents=True, exist_ok=True)

    def get(self, settings: RunSettings) -> dict | None:
        """The run of this network and seed, if it was of the very same settings."""
        run = self.runs.get(f"{settings.arch} {settings.training.seed}")
        return run if run and run["config"] == as_json(settings) else None

    def add(self, settings: RunSettings, metrics: dict) -> None:
        self.runs[f"{settings.arch} {settings.training.seed}"] = {"config": as_json(settings), **metrics}
        write_text(self.path, json.dumps({"setup": self.setup, "runs": self.runs}, indent=1) + "\n")

    def line(self, settings: RunSettings) -> str:
        run = self.get(settings)
        speed = f"{run['steps']} steps of {run['seconds_per_step']:.3f} s, {run['epochs']:.1f} epochs"
        return f"{settings.arch:<16} seed {settings.training.seed}   {speed}   valid {run['valid_accuracy']:.1%}"

    def write_table(self) -> None:
        rows = [self.row(arch) for arch in self.archs if self.done(arch)]
        write_text(self.out, f"{self.head()}\n\n{markdown(COLUMNS, rows)}\n")

    @property
    def archs(self) -> list[str]:
        return list(dict.fromkeys(settings.arch for settings in self.asked))

    def done(self, arch: str) -> list[dict]:
        return [run for settings in self.asked if settings.arch == arch and (run := self.get(settings))]

    def row(self, arch: str) -> tuple:
        runs = self.done(arch)
        first, config = runs[0], runs[0]["config"]
        accuracies = [run["valid_accuracy"] for run in runs]
        mean, tracks = statistics.mean(accuracies), self.setup["tracks"]["valid"]
        low, high = wilson_interval(round(mean * tracks), tracks)
        diverged = sum(not math.isfinite(run["train_loss"]) for run in runs)
        return (
            f"`{arch}`",
            f"`{config['feature']}`",
            " x ".join(map(str, first["image"])),
            thousands(first["parameters"]),
            thousands(first["trainable"]),
            weights_of(arch, config),
            f"{statistics.median(run['seconds_per_step'] for run in runs):.3f} at {config['batch_size']}",
            f"{statistics.mean(run['epochs'] for run in runs):.1f}",
            f"{mean:.1%} ({', '.join(f'{accuracy:.1%}' for accuracy in accuracies)})"
            + (f"; {diverged} diverged" if diverged else ""),
            f"{low:.1%} to {high:.1%}",
        )

    def head(self) -> str:
        gpus = len(tf.config.list_physical_devices("GPU"))
        some = "" if self.archs == list(ARCHS) else f" --archs {' '.join(self.archs)}"
        return HEAD.format(
            **{**self.setup, **self.setup["tracks"], "minutes": f"{self.setup['minutes']:g}"},
            chance=1 / self.setup["tracks"]["genres"],
            machine=f"{len(os.sched_getaffinity(0))} CPU cores" + (f" and {gpus} GPU" if gpus else ", no GPU"),
            precisions=" and ".join(sorted({settings.training.precision for settings in self.asked})),
            tensorflow=tf.__version__,
            keras=keras.__version__,
            seeds=len(self.asked) // len(self.archs),
            some=some,
        )


COLUMNS = (
    "network",
    "feature",
    "image",
    "parameters",
    "trainable",
    "weights",
    "s a step at batch",
    "epochs reached",
    "valid accuracy, mean (each seed)",
    "95 % interval",
)
HEAD = """# All networks for the same time

Every network with its default settings, {minutes} min of training a run, on {data}:
{train} train and {valid} valid tracks of {genres} genres ({protocol}). Chance: {chance:.1%}.
Measured on {machine}; {precisions}; TensorFlow {tensorflow}, Keras {keras}.

Accuracy is of whole valid tracks, the mean over a track's slices, with the weights that the last step left: no epoch
was chosen on valid, and test tracks were not touched. A run stops at the first step that ends after its minutes,
counted from the end of its first step, with the audio decoded beforehand; a cosine schedule is laid out over the
minutes. So this tells what a network learns in a short time on this machine, not what it reaches when it is trained to
its end. A network that has seen little names what is common in train; where valid has other shares of the genres, that
is below chance. The interval is Wilson's of the mean over seeds, with tracks taken as independent.
Made, and resumed, by

```
python -m benchmarks.architectures --data DATA --minutes-per-run {minutes} --seeds {seeds}{some}
```"""


def weights_of(arch: str, config: dict) -> str:
    """Where the weights that a run began with came from."""
    if getattr(ARCHS[arch].settings(), "weights", "none") == "none":
        return "random"
    return config["weights"] if config["weights"] != "none" else "random: pretrained ones not available"


def thousands(number: int) -> str:
    return f"{number:,}".replace(",", " ")


if __name__ == "__main__":
    sys.exit(main())
