"""Networks of the reference systems in PyTorch, from the systems' descriptions, on the weights of a Keras model.

A function of NETWORKS takes `Weights` and an image (batch, channels, height, width) and gives the embedding
(batch, d). What a description leaves open is settled as the docstring of the network in kgenre/archs says, or as
the code does where that is silent too; a comment that begins with "Open:" names each such choice.
"""

import functools

import keras
import numpy as np
import torch
from keras import layers
from torch.nn import functional as F

EPSILON = 1e-3  # Open: what batch normalisation adds to the variance; Keras's own
FOLLOWS = (1, 4), (1, 4), (1, 4), (1, 6)  # pools in time alone, of the frequency and the temporal CNN


class Weights:
    """Hands out a Keras model's weights, layer by layer in the order in which the builder made them.

    The tensors keep Keras's layout and are turned into PyTorch's where they are used, so their gradients are in
    Keras's layout as well. Each layer's weights must have the shape that the description gives; `finish` fails where
    the model has layers that the description lacks.

    Attributes:
        training: batch normalisation takes the batch's moments; dropout multiplies by `factors`.
        tensors: {path of the variable: tensor}, of all that trains.
        moments: {path of the variable: batch mean or variance}, of what a step of training moves.
    """

    def __init__(self, model: keras.Model, training: bool = False):
        self.training, self.tensors, self.moments = training, {}, {}
        found = sorted(
            model._flatten_layers(include_self=False),
            key=lambda layer: (made(layer), "backward" in layer.name, layer.name),
        )
        self.waiting = {
            kind: [layer for layer in found if isinstance(layer, kind)]
            for kind in (layers.Conv2D, layers.BatchNormalization, layers.Dense, layers.Dropout)
        }
        # Of a Bidirectional, which is no RNN itself, the two directions bear the same number: forward goes first.
        recurrent = [layer for layer in found if isinstance(layer, layers.RNN)]
        self.waiting[layers.RNN] = sorted(recurrent, key=lambda layer: layer.name.startswith("backward"))

    def next(self, kind):
        assert self.waiting[kind], f"the description has one {kind.__name__} more than the model"
        return self.waiting[kind].pop(0)

    def finish(self) -> None:
        left = [layer.name for kept in self.waiting.values() for layer in kept]
        assert not left, f"the model has layers that the description lacks: {left}"

    def tensor(self, variable, *shape: int) -> torch.Tensor:
        assert tuple(variable.shape) == shape, f"{variable.path}: {tuple(variable.shape)}, described as {shape}"
        return self.tensors.setdefault(variable.path, as_tensor(variable).requires_grad_())

    def conv(self, x, filters: int, kernel: tuple[int, int], stride: int = 1, padding="same"):
        """Convolution: (batch, c, h, w) -> (batch, filters, h', w')."""
        layer = self.next(layers.Conv2D)
        weight = self.tensor(layer.kernel, *kernel, x.shape[1], filters)
        # Open: whether a convolution has a bias. Where batch normalisation follows it changes nothing.
        bias = self.tensor(layer.bias, filters) if layer.use_bias else None
        return F.conv2d(x, weight.permute(3, 2, 0, 1), bias, stride, padding)

    def norm(self, x, eps: float = EPSILON):
        """Batch normalisation of each channel: (batch, c, ...) -> the same."""
        layer, size = self.next(layers.BatchNormalization), x.shape[1]
        gamma, beta = self.tensor(layer.gamma, size), self.tensor(layer.beta, size)
        if not self.training:
            mean, variance = as_tensor(layer.moving_mean), as_tensor(layer.moving_variance)
            return F.batch_norm(x, mean, variance, gamma, beta, eps=eps)
        of_channel = x.detach().transpose(0, 1).flatten(1)
        self.moments[layer.moving_mean.path] = of_channel.mean(1)
        # PyTorch would keep the unbiased variance, n / (n - 1) of this; Keras keeps the batch's own.
        self.moments[layer.moving_variance.path] = of_channel.var(1, correction=0)
        return F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)

    def dense(self, x, units: int):
        """(batch, d) -> (batch, units)."""
        layer = self.next(layers.Dense)
        weight, bias = self.tensor(layer.kernel, x.shape[1], units), self.tensor(layer.bias, units)
        return F.linear(x, weight.T, bias)

    def dropout(self, x, rate: float):
        layer = self.next(layers.Dropout)
        assert layer.rate == rate, f"{layer.name}: rate {layer.rate}, described as {rate}"
        if not self.training:
            return x
        batch, channels, *size = x.shape
        values = torch.from_numpy(factors(layer, (batch, *size, channels)))
        return x * values.movedim(-1, 1)

    def recurrent(self, x, cell: str, bidirectional: bool):
        """The last state of an LSTM or GRU of 128 over time: (batch, time, d) -> (batch, 128 or 256)."""
        directions = ("", "_reverse") if bidirectional else ("",)
        module = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
        module = module(x.shape[2], 128, batch_first=True, bidirectional=bidirectional, dtype=x.dtype)
        weights = {}
        for direction in directions:
            given = self.cell_weights(self.next(layers.RNN).cell, cell, x.shape[2])
            weights |= {f"{name}_l0{direction}": value for name, value in given.items()}
        _, last = torch.func.functional_call(module, weights, (x,))
        hidden = last[0] if cell == "lstm" else last  # an LSTM also gives its cell state
        return torch.cat(list(hidden), 1)  # of the backward direction: the state behind the first frame

    def cell_weights(self, layer, cell: str, inputs: int) -> dict[str, torch.Tensor]:
        """{PyTorch's name: weight} of one direction. Keras's layout is (inputs, gates * 128)."""
        # Keras's gates are input, forget, cell, output of an LSTM, which is PyTorch's order, and update, reset, new of
        # a GRU, where PyTorch has reset, update, new. PyTorch's GRU resets what the recurrent product gives, bias
        # included, and so does Keras's with its two rows of biases; its LSTM has one bias, PyTorch's two are added.
        order = (0, 1, 2, 3) if cell == "lstm" else (1, 0, 2)
        size = 128 * len(order)

        def gates(value):
            return torch.cat([value[..., 128 * gate : 128 * (gate + 1)] for gate in order], -1)

        kernel, recurrent = self.tensor(layer.kernel, inputs, size), self.tensor(layer.recurrent_kernel, 128, size)
        if cell == "lstm":
            bias = gates(self.tensor(layer.bias, size))
            biases = (bias, torch.zeros_like(bias))
        else:
            biases = gates(self.tensor(layer.bias, 2, size))
        return {
            "weight_ih": gates(kernel).T,
            "weight_hh": gates(recurrent).T,
            "bias_ih": biases[0],
            "bias_hh": biases[1],
        }


def made(layer) -> int:
    """Place of a layer among those of its class: Keras numbers them as they are made, the first without a number.

    Those of ResNet18 have names that are in order.
    """
    number = layer.name.rpartition("_")[2]
    return int(number) if number.isdigit() and not layer.name.startswith("layer") else 0


def as_tensor(variable) -> torch.Tensor:
    return torch.from_numpy(np.array(keras.ops.convert_to_numpy(variable)))


def factors(layer, shape: tuple) -> np.ndarray:
    """What stands for a dropout's random mask, for both sides the same: factors from 0.5 to 1.5, Keras's layout."""
    return np.random.default_rng([11, made(layer)]).uniform(0.5, 1.5, shape)


def flat(x):
    # Open: the order of flattened maps; frequency, time, channels.
    return x.permute(0, 2, 3, 1).flatten(1)


def conv_block(w: Weights, x, filters: int, kernel: tuple, block: str):
    """Conv, BN, relu, and what may stand for it."""

    def normed(y, size, shape):
        # Open: padding. 640 frames, pooled by 4, 4, 4 and 6, are there to the end only where it is "same".
        return w.norm(w.conv(y, size, shape))

    if block == "basic":
        return F.relu(normed(x, filters, kernel))
    if block == "resnet":
        # Open: BN behind each of the three, relu between the two and behind the sum.
        inner = normed(F.relu(normed(x, filters, kernel)), filters, kernel)
        return F.relu(inner + normed(x, filters, (1, 1)))
    # Open: two convolutions, each of half the filters, and a 1 x 1 that brings the joined channels to `filters`.
    first = torch.cat([x, F.relu(normed(x, filters // 2, kernel))], 1)
    second = torch.cat([first, F.relu(normed(first, filters // 2, kernel))], 1)
    return F.relu(normed(second, filters, (1, 1)))


def dense_part(w: Weights, x, *sizes: int):
    for size in sizes:
        x = F.relu(w.dense(w.dropout(x, 0.5), size))  # Open: relu
    return x


def kinds(block: str, block_at: str) -> tuple:
    """What each of four convolutions is."""
    return (block,) * 4 if block_at == "all" else ("basic", block, "basic", "basic")


def freqcnn(w: Weights, x, block="basic", block_at="second"):
    chroma = x.shape[2] == 12
    for filters, pool, kind in zip((16, 16, 32, 32), FOLLOWS, kinds(block, block_at)):
        x = F.max_pool2d(conv_block(w, x, filters, (1, 5), kind), pool)
    return dense_part(w, flat(x), *((256, 32) if chroma else (512, 128, 32)))


def tempcnn(w: Weights, x, block="basic", block_at="second"):
    # The first spans all bins, so it gives one row. The system names its blocks for the frequency CNN alone.
    # Open: a block is of 1 x 5 and stands for convolutions of 1 x 5, so the first stays as it is.
    x = F.relu(w.norm(w.conv(x, 64, (x.shape[2], 5), padding=(0, 2))))
    x = F.max_pool2d(x, FOLLOWS[0])
    for filters, pool, kind in zip((128, 256, 512), FOLLOWS[1:], kinds(block, block_at)[1:]):
        x = F.max_pool2d(conv_block(w, x, filters, (1, 5), kind), pool)
    return dense_part(w, flat(x), 256, 32)


def square_map(w: Weights, x, last_pool: int, block: str, block_at: str):
    """The four convolutions of the square CNN, the last pooled by `last_pool` in time."""
    pools = {
        128: ((2, 4), (2, 4), (3, 4), (6, last_pool)),
        84: ((2, 4), (2, 4), (3, 4), (5, last_pool)),
        12: ((2, 4), (2, 4), (2, 4), (1, last_pool)),
    }[x.shape[2]]
    kernels = ((3, 3), (3, 3), (3, 3), (1, 5) if x.shape[2] == 12 else (3, 3))
    for filters, kernel, pool, kind in zip((8, 32, 128, 256), kernels, pools, kinds(block, block_at)):
        x = F.max_pool2d(conv_block(w, x, filters, kernel, kind), pool)
    return x


def squarecnn(w: Weights, x, block="basic", block_at="second"):
    return dense_part(w, flat(square_map(w, x, 6, block, block_at)), 128, 32)


def over_time(x):
    """(batch, c, h, w) -> (batch, w, h * c), a step for each frame."""
    return x.permute(0, 3, 2, 1).flatten(2)


def crnn(w: Weights, x, rnn="gru", bidirectional=False, block="basic", block_at="second"):
    # "Keeping time": the last pool is of frequency alone. Open: the last state is what goes on.
    x = w.recurrent(over_time(square_map(w, x, 1, block, block_at)), rnn, bidirectional)
    return dense_part(w, x, 128, 32)


def crnn_parallel(w: Weights, x, rnn="gru", bidirectional=False, block="basic", block_at="second"):
    square = flat(square_map(w, x, 6, block, block_at))
    steps = over_time(F.avg_pool2d(x, (1, 20)))
    return dense_part(w, torch.cat([square, w.recurrent(steps, rnn, bidirectional)], 1), 256, 32)


def bbnn(w: Weights, x):
    def conv(y, size: int):
        return w.conv(F.relu(w.norm(y)), 16, (size, size))

    x = w.norm(F.max_pool2d(w.conv(x, 16, (3, 3)), (1, 4)))
    for _ in range(3):
        one, three, five = conv(x, 1), conv(conv(x, 1), 3), conv(conv(x, 1), 5)
        # Open: the pool of the fourth stream; the largest of 3 x 3, at every place.
        x = torch.cat([x, one, three, five, conv(F.max_pool2d(x, 3, stride=1, padding=1), 1)], 1)
    x = w.conv(F.relu(w.norm(x)), 32, (1, 1))
    return F.relu(w.norm(F.avg_pool2d(x, 2))).mean((2, 3))


def homebrew(w: Weights, x):
    # Open: the last kernel, the pools, the padding (none) and what follows a dense layer (as a convolution).
    for filters, kernel in ((128, (5, 1)), (64, (5, 1)), (64, (4, 1)), (64, (4, 1))):
        x = F.leaky_relu(w.norm(w.conv(x, filters, kernel, padding="valid")), 0.2)
        x = w.dropout(F.max_pool2d(x, 2), 0.5)
    x = flat(x)
    for units in (364, 182):
        x = F.leaky_relu(w.dense(x, units), 0.2)
    return x


def melcrop(w: Weights, x):
    # Open: nearly all. Described is a deeper CNN with batch norm, after MusicRecNet's three blocks of conv, pool,
    # dropout and BN. Taken: conv, BN, relu, pool and dropout, then a global average and a dense layer with BN and relu.
    for filters in (32, 64, 128, 256, 256):
        x = F.relu(w.norm(w.conv(x, filters, (3, 3))))
        x = w.dropout(F.max_pool2d(x, 2), 0.25)
    x = w.dropout(x.mean((2, 3)), 0.5)
    return F.relu(w.norm(F.linear(x, w.tensor(w.next(layers.Dense).kernel, 256, 256).T)))


def resnet18(w: Weights, x):
    norm = functools.partial(w.norm, eps=1e-5)  # that of PyTorch's published weights
    # Open: all but the name. As He et al. 2016, figure 3 and table 1, with the projections of their option B.
    x = F.relu(norm(w.conv(x, 64, (7, 7), 2, 3)))
    x = F.max_pool2d(x, 3, 2, 1)
    for filters in (64, 128, 256, 512):
        for number in range(2):
            stride = 2 if number == 0 and filters > 64 else 1
            inner = F.relu(norm(w.conv(x, filters, (3, 3), stride, 1)))
            inner = norm(w.conv(inner, filters, (3, 3), 1, 1))
            shortcut = norm(w.conv(x, filters, (1, 1), 2, 0)) if stride == 2 else x
            x = F.relu(inner + shortcut)
    return x.mean((2, 3))


NETWORKS = {
    network.__name__: network
    for network in (freqcnn, tempcnn, squarecnn, crnn, crnn_parallel, bbnn, homebrew, melcrop, resnet18)
}
