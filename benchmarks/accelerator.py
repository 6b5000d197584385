"""Clips a second on the device of Keras's backend, training and answering, and their share of what the device can.

Any backend, a GPU or, as a check of the script, the CPU. The roof is a large matrix product in the same run.
Operations are counted of convolutions and dense layers alone, two a multiply-add; a training step has three times
those of an answer, less the gradient of the image, which nobody asks for. Data lie on the device beforehand.
"""

import argparse
import functools
import gc
import importlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np

from benchmarks.devices import DEVICES, Device
from kgenre.augment import AUGMENTS
from kgenre.features.layers import logmel
from kgenre.model.build import build_model, front_end
from kgenre.model.settings import ModelSettings

# {name: (Keras's policy, whether products of float32 may be rounded to TF32's 10 bits)}.
PRECISIONS = {"float32": ("float32", False), "TF32": ("float32", True), "bfloat16": ("mixed_bfloat16", True)}
HEAD = (
    "network", "image", "precision", "batch",
    "answers, clips/s", "TFLOP/s", "of the roof", "front end of it",
    "training, clips/s", "TFLOP/s", "of the roof", "front end of it",
)  # fmt: skip
N_CLASSES, ROUNDS = 10, 3


@dataclass(frozen=True)
class Case:
    """A network, other settings of it than its defaults, and slices a step."""

    arch: str
    batch: int
    settings: tuple = ()


ON_GPU = (Case("convpool", 32), Case("convpool", 512), Case("resnet50", 128, (("unfreeze", -1), ("weights", "none"))))
ON_CPU = (Case("convpool", 4),)


def best_seconds(run: Callable, wait: Callable, seconds: float) -> float:
    """Seconds a call: the best of some rounds of at least so many seconds, each waited for once, at its end."""
    wait(run())  # compiled
    wait(run())
    began = time.perf_counter()
    wait(run())
    calls = max(1, math.ceil(seconds / (time.perf_counter() - began)))
    best = math.inf
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(calls):
            result = run()
        wait(result)
        best = min(best, (time.perf_counter() - began) / calls)
    return best


def multiply_adds(model: keras.Model) -> tuple[int, int]:
    """Multiply-adds of a slice in convolutions and dense layers: of all, and of the first of them."""
    counts = []
    for layer in flat(model):
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            counts.append(math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1]))
    return sum(counts), counts[0]


def flat(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from flat(layer)
        else:
            yield layer


def roofs(device: Device, seconds: float) -> dict[str, float]:
    """Operations a second of a square matrix product, by precision."""
    n = 8192 if device.is_gpu() else 1024
    drawn = np.random.default_rng(0).standard_normal((2, n, n), dtype="float32")
    found = {}
    for name, (policy, tf32) in PRECISIONS.items():
        device.allow_tf32(tf32)
        operands = [device.place(one, "bfloat16" if "bfloat16" in policy else "float32") for one in drawn]
        product = functools.partial(device.compiled(keras.ops.matmul), *operands)
        found[name] = 2 * n**3 / best_seconds(product, device.wait, seconds)
        print(f"roof in {name}: {found[name] / 1e12:.3g} TFLOP/s, product of {n} x {n}", flush=True)
    values = device.place(np.zeros(2**28 if device.is_gpu() else 2**24, "float32"))
    add = device.compiled(lambda x: x + 1.0)
    moved = 2 * 4 * math.prod(values.shape) / best_seconds(lambda: add(values), device.wait, seconds)
    print(f"memory: {moved / 1e9:.3g} GB/s, read and written")
    return found


def rounding_of_tf32(device: Device) -> float:
    """The largest difference in dB between the default front end with TF32 and without, on noise."""
    settings = ModelSettings.compose({})
    noise = 0.1 * np.random.default_rng(0).standard_normal((4, *settings.slice_spec.shape), dtype="float32")
    images = []
    for allowed in (False, True):
        device.allow_tf32(allowed)
        image = front_end(settings)  # a function of its own, or JAX takes the program that it has
        images.append(keras.ops.convert_to_numpy(device.compiled(image)(device.place(noise))))
    return float(np.abs(images[1] - images[0]).max()) * settings.features[settings.feature].top_db


def row(device: Device, case: Case, precision: str, roof: float, seconds: float) -> list[str]:
    """A line of the table."""
    policy, tf32 = PRECISIONS[precision]
    device.allow_tf32(tf32)
    settings = ModelSettings.compose({"arch": case.arch, **dict(case.settings)})
    zoom = {"zoom": AUGMENTS["zoom"].settings()}  # the default of a run
    model = build_model(settings, N_CLASSES, zoom, precision=policy)
    rng = np.random.default_rng(0)
    slices = 0.1 * rng.standard_normal((case.batch, *settings.slice_spec.shape), dtype="float32")
    slices, labels = device.place(slices), device.place(rng.integers(0, N_CLASSES, case.batch), "int32")
    image = front_end(settings)
    to_image = device.compiled(image)
    taken = {
        "front end": best_seconds(lambda: to_image(slices), device.wait, seconds),
        "answer": best_seconds(device.answering(model, slices), device.wait, seconds),
        "training": best_seconds(device.training(model, slices, labels), device.wait, seconds),
    }
    whole, first = multiply_adds(model)
    operations = {"answer": 2 * whole * case.batch, "training": 2 * (3 * whole - first) * case.batch}
    shape = " x ".join(map(str, keras.ops.shape(to_image(slices))[1:]))
    cells = [case.arch, shape, precision, str(case.batch)]
    for name, count in operations.items():
        speed = count / taken[name]
        cells += [f"{case.batch / taken[name]:.0f}", f"{speed / 1e12:.3g}", f"{speed / roof:.1%}"]
        cells += [f"{taken['front end'] / taken[name]:.0%}"]
    return cells


def fit_rate(device: Device, case: Case, precision: str, steps: int) -> float:
    """Clips a second of `model.fit` over batches in the memory of the machine, copied to the device step by step."""
    policy, tf32 = PRECISIONS[precision]
    device.allow_tf32(tf32)
    settings = ModelSettings.compose({"arch": case.arch, **dict(case.settings)})
    model = build_model(settings, N_CLASSES, {"zoom": AUGMENTS["zoom"].settings()}, precision=policy)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss, metrics=["accuracy"])
    rng = np.random.default_rng(0)
    slices = 0.1 * rng.standard_normal((case.batch, *settings.slice_spec.shape), dtype="float32")
    labels = rng.integers(0, N_CLASSES, case.batch).astype("int32")

    def batches():
        while True:
            yield slices, labels

    began = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: began.append(time.perf_counter()),
        on_epoch_end=lambda epoch, logs: began.append(time.perf_counter()),
    )
    model.fit(batches(), steps_per_epoch=steps, epochs=2, verbose=0, callbacks=[clock], shuffle=False)
    return steps * case.batch / (began[3] - began[2])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", nargs="+", default=["convpool", "resnet50"], help="networks of those of the table")
    parser.add_argument("--batch", nargs="+", type=int, default=[], help="slices a step, of those of the table")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--seconds", type=float, default=0.4, help="of a round")
    parser.add_argument("--limit", type=float, default=230, help="seconds after which no further row is begun")
    args = parser.parse_args(arguments)
    end, device = time.monotonic() + args.limit, DEVICES[keras.backend.backend()]()
    try:
        importlib.import_module("librosa.filters")
    except ImportError:
        logmel.LIBROSA_FILTERS.clear()  # every mel scale is then HTK's, whose filters take as long
        print("librosa cannot be imported: HTK's mel filters in place of Slaney's")
    print(f"{device.name()}; Keras {keras.__version__} on {device.version()}; NumPy {np.__version__}", flush=True)
    roof = roofs(device, args.seconds)
    print(f"front end: TF32 changes a value by at most {rounding_of_tf32(device):.2g} dB")
    print("\n| " + " | ".join(HEAD) + " |\n|" + " --- |" * len(HEAD), flush=True)
    cases = [case for case in (ON_GPU if device.is_gpu() else ON_CPU) if case.arch in args.arch]
    cases = [case for case in cases if case.batch in args.batch or not args.batch]
    if not cases:
        parser.error("the table for this device has no such row")
    for case in cases:
        for precision in args.precision:
            if time.monotonic() > end:
                print(f"\n{args.limit:.0f} s are over: {case.arch} in {precision} and what follows is left out")
                return
            print("| " + " | ".join(row(device, case, precision, roof[precision], args.seconds)) + " |", flush=True)
            gc.collect()  # a model's cycles hold memory of the device
    fitted = "TF32" if "TF32" in args.precision else args.precision[-1]
    rate = fit_rate(device, cases[0], fitted, 100 if device.is_gpu() else 5)
    print(f"\nmodel.fit, {cases[0].arch} in {fitted}, batches of {cases[0].batch} in memory: {rate:.0f} clips/s")


if __name__ == "__main__":
    main()
