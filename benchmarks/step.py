"""A training step of convpool against the same network in PyTorch, channels last: two processes that take turns."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import itertools
import multiprocessing
import time

import numpy as np

N_CLASSES, ROUNDS, STEPS = 10, 8, 4
BLOCKS = ((32, 4, 2), (32, 3, 2), (64, 2, 1), (128, 2, 1))  # filters, kernel, stride
SHAPES = ((32, 128, 256, 1), (20, 200, 1024, 3))  # the default's, and as Music-Genre-Analysis published it


def batch_of(shape) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random(shape, dtype="float32"), rng.integers(0, N_CLASSES, shape[0])


def keras_step(shape, threads: int):
    """A call that takes a step of the model as `kgenre train` compiles it, and gives the loss."""
    import keras
    import tensorflow as tf
    from keras import layers

    from kgenre.archs import ARCHS

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    image = keras.Input(shape[1:])
    embedding = ARCHS["convpool"].build([image], dropout=0.5)
    model = keras.Model(image, layers.Dense(N_CLASSES)(layers.Dropout(0.5)(embedding)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss, metrics=["accuracy"], jit_compile=False)
    images, labels = (tf.constant(part) for part in batch_of(shape))
    batches = iter(tf.data.Dataset.from_tensors((images, labels)).repeat())
    model.make_train_function()
    return lambda: float(model.train_function(batches)["loss"])


def torch_step(shape, threads: int):
    """The same in PyTorch."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    parts, channels = [], shape[3]
    for filters, kernel, stride in BLOCKS:
        # Keras's momentum and epsilon of batch normalization.
        norm = nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01)
        parts += [nn.Conv2d(channels, filters, kernel, stride), nn.ReLU(), norm, nn.MaxPool2d(2)]
        channels = filters
    parts += [nn.Dropout(0.5), nn.Flatten(), nn.LazyLinear(1024), nn.BatchNorm1d(1024, eps=1e-3, momentum=0.01)]
    network = nn.Sequential(*parts, nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, N_CLASSES))
    images, labels = batch_of(shape)
    images = torch.from_numpy(images).permute(0, 3, 1, 2)  # in memory as it was: channels last
    labels = torch.from_numpy(labels)
    network(images)  # sizes of the lazy layer
    network = network.to(memory_format=torch.channels_last)
    optimizer, loss_of = torch.optim.Adam(network.parameters()), nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = loss_of(network(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


STEPPERS = {"Keras, TensorFlow": keras_step, "PyTorch, channels last": torch_step}


def work(make_step, arguments: tuple, pipe) -> None:
    """Takes STEPS steps whenever it is asked: answers with seconds a step, of the clock and of the processor."""
    step = make_step(*arguments)
    for _ in range(3):
        step()
    while pipe.recv():
        clock, processor = time.perf_counter(), time.process_time()
        for _ in range(STEPS):
            step()
        pipe.send(((time.perf_counter() - clock) / STEPS, (time.process_time() - processor) / STEPS))


def best_steps(steppers: dict, *arguments) -> dict[str, np.ndarray]:
    """{name: the least seconds a step, of the clock and of the processor}, for {name: function of a module}.

    Each function is called with the arguments in a process of its own, and gives a call that takes a step.
    """
    context, pipes, found = multiprocessing.get_context("spawn"), {}, {}
    for name, make_step in steppers.items():
        pipes[name], other = context.Pipe()
        context.Process(target=work, args=(make_step, arguments, other), daemon=True).start()
    for _ in range(ROUNDS):
        for name, pipe in pipes.items():
            pipe.send(True)
            found.setdefault(name, []).append(pipe.recv())
    for pipe in pipes.values():
        pipe.send(False)
    return {name: np.min(seconds, axis=0) for name, seconds in found.items()}


def main() -> None:
    """One thread first: with more, those of PyTorch wait for each other wherever other work takes a core from one."""
    for shape, threads in itertools.product(SHAPES, (1, os.cpu_count())):
        print(f"  {' x '.join(map(str, shape))}, float32, {threads} thread{'s' * (threads > 1)}")
        found = best_steps(STEPPERS, shape, threads)
        base = found["PyTorch, channels last"]
        for name, (clock, processor) in found.items():
            ratios = f"{clock / base[0]:5.2f} x clock {processor / base[1]:5.2f} x processor, of PyTorch"
            print(f"  {name:<24} {1000 * clock:7.1f} ms, processor {1000 * processor:7.1f} ms   {ratios}", flush=True)


if __name__ == "__main__":
    main()
