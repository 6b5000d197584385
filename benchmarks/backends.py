"""A training step of the default model on each of Keras's backends that is installed: processes that take turns."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import functools
import importlib.util

import numpy as np

from benchmarks.step import best_steps

BASE = "tensorflow"
BACKENDS = (BASE, "jax", "torch")
ARCH, BATCH = "convpool", 32


def backend_step(backend: str, arch: str, threads: int):
    """A call that takes a step of the model as `kgenre train` compiles it, and gives the loss."""
    os.environ["KERAS_BACKEND"] = backend
    os.environ["OMP_NUM_THREADS"] = os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    from kgenre.model.tasks.single_label import SingleLabel
    from kgenre.training.fit import compiled_model
    from kgenre.training.settings import RunSettings

    settings = RunSettings.compose({"arch": arch})
    model = compiled_model(settings, SingleLabel(tuple("abcdefgh")), steps=1000)
    rng = np.random.default_rng(0)
    slices = 0.1 * rng.standard_normal((BATCH, *settings.slice_spec.shape), dtype="float32")
    labels = rng.integers(0, 8, BATCH)
    return lambda: float(model.train_on_batch(slices, labels)[0])


def main() -> None:
    backends = {name: functools.partial(backend_step, name) for name in BACKENDS if importlib.util.find_spec(name)}
    print(f"  {ARCH}, {BATCH} slices with zoom, float32, {os.cpu_count()} threads")
    found = best_steps(backends, ARCH, os.cpu_count())
    clock, processor = found[BASE]
    for name, (own_clock, own_processor) in found.items():
        ratios = f"{own_clock / clock:5.2f} x clock {own_processor / processor:5.2f} x processor, of {BASE}"
        print(f"  {name:<12} {1000 * own_clock:7.1f} ms   {ratios}", flush=True)


if __name__ == "__main__":
    main()
