"""Every network of ARCHS trained for the same time on the same tracks, as a Markdown table.

    python -m benchmarks.architectures --data MANIFEST --minutes-per-run 10 --seeds 3 --out docs/architectures.md

A run is a network with its default settings and a seed. It trains until the first step that ends after
its minutes, counted from the end of its first step (which compiles) with the audio decoded beforehand
where it fits the cache. Where a network's schedule is a cosine, it is laid out over the minutes in place
of the epochs. The weights at the end are judged on the valid tracks: no epoch is chosen on them, and
test tracks are dropped before anything else. Finished runs are kept in a .json file beside the table
and skipped when the command is typed again.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import argparse
import dataclasses
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
from kgenre.audio.reader import AudioCache, TrackReader, check_bad_share, check_files
from kgenre.collections import load_collection
from kgenre.collections.splits import trainable_genres
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_text
from kgenre.core.metrics import wilson_interval
from kgenre.model.build import reseed
from kgenre.model.settings import Config, config_json, make_config
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.serving.keras_model import KerasModel
from kgenre.tables import markdown
from kgenre.training.fit import batches, compiled_model, training_plan
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
    configs = [run_config(arch, seed) for seed in range(args.seeds) for arch in args.archs]
    results = Results(args.out, setup, configs)
    waiting = [config for config in configs if results.get(config) is None]
    least = len(waiting) * args.minutes_per_run
    print(f"{len(configs)} runs, {len(configs) - len(waiting)} of them done; at least {least:.0f} min left", flush=True)
    began = time.monotonic()
    for number, config in enumerate(waiting):
        results.add(config, train_for(config, tracks, 60 * args.minutes_per_run))
        results.write_table()
        left = (time.monotonic() - began) / (number + 1) * (len(waiting) - number - 1)
        print(f"{results.line(config)}   {left / 60:.0f} min left", flush=True)
    results.write_table()
    print(f"written to {args.out}")
    return 0


def run_config(arch: str, seed: int) -> Config:
    """The network's default settings, with pretrained weights where its row has them and they can be had."""
    return make_config({}, {"arch": arch, "seed": seed, **resolved(arch)})


@functools.cache  # it may ask the network, and warns
def resolved(arch: str) -> dict:
    return ARCHS[arch].resolve(make_config({}, {"arch": arch}))


class Tracks:
    """The train and valid tracks of a collection, their labels, and their decoded audio by sample rate."""

    def __init__(self, data: str, name: str):
        collection = load_collection(data)
        table = collection.table[collection.table["split"].isin(("train", "valid"))].reset_index(drop=True)
        failures = check_files(list(table["path"]), Config.workers)
        cli.list_failures(failures)
        check_bad_share(failures, len(table), Config.max_bad_share)
        table = table[~table["path"].isin(failures)]
        self.name, self.protocol = name, collection.protocol
        self.task = SingleLabel(tuple(trainable_genres(table, name)))
        self.numbers = {
            split: dict(zip(rows["path"], self.task.targets(rows["genre"]))) for split, rows in table.groupby("split")
        }
        if not self.numbers["valid"]:
            raise KgenreError(f"{name}: no valid tracks to judge by. Give a `split` in the manifest.")
        self.caches: dict[int, AudioCache] = {}

    @property
    def counts(self) -> dict[str, int]:
        return {**{split: len(numbers) for split, numbers in self.numbers.items()}, "genres": len(self.task.labels)}

    def reader(self, config: Config) -> TrackReader:
        """A reader whose audio is decoded, as far as the cache holds it."""
        reader = TrackReader(config.slice_spec)
        known = config.sample_rate_hz in self.caches
        reader.cache = self.caches.setdefault(config.sample_rate_hz, AudioCache(int(config.cache_gib * 2**30)))
        for path in () if known else [*self.numbers["train"], *self.numbers["valid"]]:
            for _ in reader.windows(path):
                pass
        return reader


class Budget(keras.callbacks.Callback):
    """Stops training at the first step that ends after `seconds`, and takes the time of every step."""

    def __init__(self, config: Config, seconds: float):
        super().__init__()
        self.config, self.seconds, self.ends, self.loss = config, seconds, [], math.nan

    def on_epoch_begin(self, epoch, logs=None):
        reseed(self.model, self.config.seed, epoch)

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.monotonic())
        self.loss = float(logs["loss"])
        share = self.trained / self.seconds
        if self.config.schedule == "cosine":
            self.model.optimizer.learning_rate = self.config.learning_rate * (1 + math.cos(math.pi * min(1, share))) / 2
        self.model.stop_training = share >= 1 or not math.isfinite(self.loss)

    @property
    def trained(self) -> float:
        return self.ends[-1] - self.ends[0]

    @property
    def seconds_per_step(self) -> float:
        if len(self.ends) < 2:  # the loss of the very first was not finite
            return math.nan
        return statistics.median(after - before for before, after in zip(self.ends, self.ends[1:]))


def train_for(config: Config, tracks: Tracks, seconds: float) -> dict:
    """Trains a new model for `seconds` and judges it on the valid tracks."""
    keras.utils.clear_session()
    gc.collect()
    reader, train = tracks.reader(config), tracks.numbers["train"]
    plan = training_plan(config, list(train.values()))
    model = compiled_model(dataclasses.replace(config, schedule="constant"), tracks.task, plan.steps)
    dataset = batches(config, tracks.task, reader, list(train), list(train.values()), plan)
    budget = Budget(config, seconds)
    model.fit(dataset, epochs=10**6, steps_per_epoch=plan.steps, callbacks=[budget], shuffle=False, verbose=0)
    valid = validate(
        KerasModel(model, tracks.task, config.slice_spec),
        reader,
        tracks.numbers["valid"],
        config.batch_size,
        config.workers,
    )
    check_bad_share(reader.failures, sum(map(len, tracks.numbers.values())), config.max_bad_share)
    return {
        "picture": list(model.get_layer("spectrogram_image").output.shape[1:]),
        "parameters": model.count_params(),
        "trainable": sum(math.prod(weight.shape) for weight in model.trainable_weights),
        "steps": len(budget.ends),
        "epochs": len(budget.ends) / plan.steps,
        "seconds": budget.trained,
        "seconds_per_step": budget.seconds_per_step,
        "train_loss": budget.loss,
        **valid,
    }


def as_json(config: Config) -> dict:
    """The config as a file holds it, where tuples are lists."""
    return json.loads(config_json(config))


class Results:
    """The runs that are done, in a .json file beside the table, and the table of those asked for.

    Raises:
        KgenreError: the file holds runs on other tracks or of another length.
    """

    def __init__(self, out: Path, setup: dict, configs: list[Config]):
        self.out, self.setup, self.configs, self.runs = out, setup, configs, {}
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

    def get(self, config: Config) -> dict | None:
        """The run of this config, if it was of the very same settings."""
        run = self.runs.get(f"{config.arch} {config.seed}")
        return run if run and run["config"] == as_json(config) else None

    def add(self, config: Config, figures: dict) -> None:
        self.runs[f"{config.arch} {config.seed}"] = {"config": as_json(config), **figures}
        write_text(self.path, json.dumps({"setup": self.setup, "runs": self.runs}, indent=1) + "\n")

    def line(self, config: Config) -> str:
        run = self.get(config)
        speed = f"{run['steps']} steps of {run['seconds_per_step']:.3f} s, {run['epochs']:.1f} epochs"
        return f"{config.arch:<16} seed {config.seed}   {speed}   valid {run['valid_accuracy']:.1%}"

    def write_table(self) -> None:
        rows = [self.row(arch) for arch in self.archs if self.done(arch)]
        write_text(self.out, f"{self.head()}\n\n{markdown(COLUMNS, rows)}\n")

    @property
    def archs(self) -> list[str]:
        return list(dict.fromkeys(config.arch for config in self.configs))

    def done(self, arch: str) -> list[dict]:
        return [run for config in self.configs if config.arch == arch and (run := self.get(config))]

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
            " x ".join(map(str, first["picture"])),
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
            precisions=" and ".join(sorted({config.precision for config in self.configs})),
            tensorflow=tf.__version__,
            keras=keras.__version__,
            seeds=len(self.configs) // len(self.archs),
            some=some,
        )


COLUMNS = (
    "network",
    "feature",
    "picture",
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
    if "weights" not in ARCHS[arch].takes or make_config({}, {"arch": arch}).weights == "none":
        return "random"
    return config["weights"] if config["weights"] != "none" else "random: pretrained ones not at hand"


def thousands(number: int) -> str:
    return f"{number:,}".replace(",", " ")


if __name__ == "__main__":
    sys.exit(main())
