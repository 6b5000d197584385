"""Variables of TensorFlow's checkpoints; a process that has not imported TensorFlow has another one read them."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kgenre.core.packages import check_installed

if TYPE_CHECKING:  # `kgenre train --help` imports this by its architectures
    import numpy as np


def read_checkpoint(prefix: str) -> dict[str, "np.ndarray"]:
    """The float32 variables of a checkpoint by name.

    Args:
        prefix: of its files.

    Raises:
        ValueError: it cannot be read.
    """
    import numpy as np

    check_installed("tensorflow")
    if "tensorflow" in sys.modules:
        return _variables(prefix)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "variables.npz"
        done = subprocess.run(
            [sys.executable, "-m", __name__, prefix, str(file)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ValueError(done.stderr.strip().rpartition("\n")[2])
        with np.load(file) as arrays:
            return dict(arrays)


def _variables(prefix: str) -> dict[str, "np.ndarray"]:
    import tensorflow as tf

    try:
        reader = tf.compat.v1.train.NewCheckpointReader(prefix)
        types = reader.get_variable_to_dtype_map()
        return {name: reader.get_tensor(name) for name, dtype in types.items() if dtype == tf.float32}
    except (tf.errors.OpError, RuntimeError, IndexError) as error:  # the last of a file cut short
        raise ValueError(str(error).splitlines()[0]) from error


if __name__ == "__main__":
    import numpy as np

    np.savez(sys.argv[2], **_variables(sys.argv[1]))
