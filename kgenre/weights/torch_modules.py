"""State dicts of PyTorch's convolutional networks in Keras's names and layout."""

# PyTorch's names of what a batch normalisation has -> Keras's
NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def keras_arrays(state: dict, depthwise: str | None = None) -> dict:
    """{"LAYER/VARIABLE": array} of convolutions without bias and batch normalisations, without `fc`, the classifier.

    "_blocks.3._bn1.running_var" -> "blocks_3_bn1/moving_variance". Kernels (out, in, height, width) become
    (height, width, in, out), those of depthwise convolutions (height, width, channels, 1).

    Args:
        state: arrays by name.
        depthwise: how the names of depthwise convolutions end; None where there are none.
    """
    arrays = {}
    for name, array in state.items():
        module, _, part = name.rpartition(".")
        layer = module.removeprefix("_").replace("._", "_").replace(".", "_")
        if layer == "fc" or part == "num_batches_tracked":
            continue
        if array.ndim == 1:
            arrays[f"{layer}/{NORM.get(part, part)}"] = array
        elif array.ndim == 4:
            order = (2, 3, 0, 1) if depthwise and layer.endswith(depthwise) else (2, 3, 1, 0)
            arrays[f"{layer}/kernel"] = array.transpose(order)
    return arrays
