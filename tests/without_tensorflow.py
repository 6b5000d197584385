"""Runs `kgenre` commands in one process that has only what the plain install brings: all else fails to import.

    python without_tensorflow.py FOLDER

FOLDER/music has songs. Prints the modules that the commands have loaded, as JSON.
"""

import contextlib
import io
import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

LOCKED = {
    "tensorflow", "keras", "librosa", "numba", "matplotlib", "xgboost", "tensorboard", "tensorflow_hub", "h5py",
    "tf_keras", "pyarrow", "umap", "jax", "torch", "pkg_resources",
}  # fmt: skip


class LockedOut:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name in LOCKED else None

    def create_module(self, spec):
        raise ModuleNotFoundError(f"No module named {spec.name!r}", name=spec.name)

    def exec_module(self, module):
        pass


def command(*words) -> str:
    """What a command prints; it must end well."""
    from kgenre.__main__ import main

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        status = main([str(word) for word in words])
    assert status == 0, (words, status)
    return text.getvalue()


def predict(folder: Path) -> dict:
    songs = sorted((folder / "music").iterdir())
    records = [json.loads(line) for line in command("predict", *songs, "--format", "jsonl", "--tags").splitlines()]
    command("predict", *songs, "--out", folder / "genres.csv")
    return {record["path"]: record["genre"] for record in records}


def main(folder: Path) -> None:
    sys.meta_path.insert(0, LockedOut())
    genres = predict(folder)
    loaded = {"predict": sorted(name for name in sys.modules if "." not in name)}
    music, library = folder / "music", ("--library", folder / "library.sqlite")
    assert f"{len(genres)} tracks, {len(genres)} of them new" in command(
        "embed", music, "--out", folder / "vectors.npz"
    )
    command("explore", music, *library, "--out", folder / "map.html")
    song, genre = next(iter(genres.items()))
    assert Path(song).name in command("find", f"predicted = {genre}", *library)
    others = command("similar", song, *library)
    assert all(Path(other).name in others for other in genres if other != song)
    loaded["all"] = sorted(name for name in sys.modules if "." not in name)
    print(json.dumps(loaded))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
