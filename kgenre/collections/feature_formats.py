"""The forms in which `kgenre features` writes spectrograms; importing this brings no NumPy."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def _write_float32(path: Path, values, low: float, high: float) -> None:
    import numpy as np

    np.save(path, values.astype("float32"))


def _write_float16(path: Path, values, low: float, high: float) -> None:
    import numpy as np

    np.save(path, values.astype("float16"))


def _write_image(path: Path, values, low: float, high: float) -> None:
    """Eight bits of grey, high frequencies at the top."""
    import numpy as np
    from PIL import Image

    grey = np.rint(255 * np.clip((values - low) / (high - low), 0, 1)).astype("uint8")
    Image.fromarray(grey[::-1]).save(path)


@dataclass(frozen=True)
class Format:
    """description: for `--help`. suffix: of the files. write: path, values (bins, frames), their range -> the file."""

    description: str
    suffix: str
    write: Callable


FORMATS = {
    "npy": Format("float32", ".npy", _write_float32),
    "npy16": Format("float16, half the size", ".npy", _write_float16),
    "png": Format("8 bits, a picture", ".png", _write_image),
}
