"""musicnn's published weights: fetched once with pip, checked, and kept as NumPy arrays.

They are in the wheel of the package `musicnn` 0.1.0 (Music Technology Group, Universitat Pompeu Fabra,
ISC licence), as TensorFlow 1 checkpoints. Nothing of that package is run.
"""

import functools
import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from kgenre.core.errors import KgenreError

log = logging.getLogger(__name__)

WHEEL = "musicnn-0.1.0-py3-none-any.whl"
SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
CHECKPOINTS = {"msd": "MSD_musicnn", "mtt": "MTT_musicnn"}
FETCH = "pip download --no-deps --only-binary=:all: musicnn==0.1.0"  # never runs what it fetches

TAGS = {
    "msd": (
        "rock,pop,alternative,indie,electronic,female vocalists,dance,00s,alternative rock,jazz,beautiful,metal,"
        "chillout,male vocalists,classic rock,soul,indie rock,mellow,electronica,80s,folk,90s,chill,instrumental,"
        "punk,oldies,blues,hard rock,ambient,acoustic,experimental,female vocalist,guitar,hip-hop,70s,party,country,"
        "easy listening,sexy,catchy,funk,electro,heavy metal,progressive rock,60s,rnb,indie pop,sad,house,happy"
    ).split(","),
    "mtt": (
        "guitar,classical,slow,techno,strings,drums,electronic,rock,fast,piano,ambient,beat,violin,vocal,synth,female,"
        "indian,opera,male,singing,vocals,no vocals,harpsichord,loud,quiet,flute,woman,male vocal,no vocal,pop,soft,"
        "sitar,solo,man,classic,choir,voice,new age,dance,male voice,female vocal,beats,harp,cello,no voice,weird,"
        "country,metal,female voice,choral"
    ).split(","),
}


def load_into(network, weights: str) -> None:
    """Sets the variables of archs.musicnn.backbone from those of the checkpoint, by name."""
    arrays = load(weights)
    for variable in network.weights:
        layer, name = variable.path.split("/")[-2:]
        # A checkpoint has the channels of the middle convolutions where we have the width, one of the two being 1.
        variable.assign(arrays[f"{layer}/{name}"].reshape(variable.shape))


def load(weights: str, folder: Path | None = None) -> dict[str, np.ndarray]:
    """The variables of a checkpoint by name, float32.

    Args:
        weights: "msd" or "mtt".
        folder: where they are kept; the user's cache folder if not given.

    Raises:
        KgenreError: no such weights, or they cannot be fetched, or what was fetched is not the wheel.
    """
    if weights not in CHECKPOINTS:
        raise KgenreError(f"`weights` of musicnn must be msd, mtt or none. Received: {weights}.")
    folder = cache_folder() if folder is None else folder
    kept = kept_file(folder, weights)
    if not kept.is_file():
        _convert(folder)
    try:
        with np.load(kept) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise KgenreError(f"{kept}: damaged ({error}). Remove it; it is then made again.") from error


def cache_folder() -> Path:
    """Where the weights are kept: $XDG_CACHE_HOME/kgenre, or ~/.cache/kgenre."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kgenre"


def kept_file(folder: Path, weights: str) -> Path:
    return folder / f"musicnn-0.1.0-{weights}.npz"


def _save(arrays: dict[str, np.ndarray], part: Path) -> None:
    np.savez(part, **arrays)


def _convert(folder: Path) -> None:
    """Reads both checkpoints out of the wheel, which lies in the folder or is fetched, into .npz files."""
    from kgenre.core.files import write_beside

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".musicnn-", dir=folder) as scratch:
        wheel = folder / WHEEL
        if not wheel.is_file():
            wheel = _fetch(Path(scratch), folder)
        _check(wheel)
        for weights, name in CHECKPOINTS.items():
            with zipfile.ZipFile(wheel) as archive:
                parts = [part for part in archive.namelist() if part.startswith(f"musicnn/{name}/.")]
                archive.extractall(scratch, parts)
            arrays = read_checkpoint(Path(scratch) / "musicnn" / name)
            write_beside(kept_file(folder, weights), functools.partial(_save, arrays))


def _fetch(scratch: Path, folder: Path) -> Path:
    log.info("fetching the weights of musicnn (29 MB), once")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *FETCH.split()[1:], "--dest", str(scratch)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not (scratch / WHEEL).is_file():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise KgenreError(
            f"The weights of musicnn could not be fetched ({last}). With a network, type `{FETCH}` "
            f"and copy {WHEEL} to {folder}."
        )
    return scratch / WHEEL


def _check(wheel: Path) -> None:
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise KgenreError(
            f"{wheel}: not the wheel that was published: its SHA-256 is {found[:12]}..., not {SHA256[:12]}... "
            f"Remove it, and type `{FETCH}` for another."
        )


def read_checkpoint(folder: Path) -> dict[str, np.ndarray]:
    """The network's variables in a TensorFlow 1 checkpoint, without the optimizer's."""
    import tensorflow as tf

    reader = tf.compat.v1.train.NewCheckpointReader(f"{folder}/")
    names = [name for name in reader.get_variable_to_shape_map() if "Adam" not in name and "power" not in name]
    return {name: reader.get_tensor(name) for name in names}
