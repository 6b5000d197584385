"""Writes tests/data/VERSION: a small file of every format that this version stores, which later versions must read.

python tests/freeze.py

Run it once before a release. What it has written stays as it is: test_stored_files.py reads it from then on. Paths in
the files are those of the folder that it was made in, MADE_IN.
"""

import json
import shutil
import sys
from pathlib import Path

from audio_files import music, write_sound

import kgenre
from kgenre import embed, explore, export, prepare, train
from kgenre.library.head import load_head, predict, save_heads
from kgenre.library.retraining import retrain
from kgenre.library.store import Library

DATA = Path(__file__).parent / "data"
MADE_IN = Path("/tmp/kgenre-files")
CORRECTED = "morna"  # a genre that the model does not know
RATE, SECONDS, GENRES = 8000, 2.0, ("fado", "house")
SPLITS = ("train", "train", "train", "valid", "test")
RECIPE = """# The smallest run: two genres, audio of 8 kHz.
arch = "bbnn"
feature = "logmel"
sample_rate_hz = 8000
slice_seconds = 1.5
n_mels = 32
hop_length = 128
epochs = 2
batch_size = 4
crops_per_track = 2
"""


def write_songs(folder: Path) -> list[Path]:
    """Ten songs and their manifest."""
    folder.mkdir(parents=True)
    rows, paths = ["path,genre,split,artist,track_id"], []
    for number in range(len(GENRES) * len(SPLITS)):
        genre, split = GENRES[number % 2], SPLITS[number // 2]
        paths.append(folder / f"{number}.wav")
        write_sound(paths[-1], music(SECONDS, RATE, 1, seed=number) * (0.1, 1.0)[number % 2], RATE)
        rows.append(f"{paths[-1].name},{genre},{split},artist {number},{number}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return paths


def main() -> int:
    out = DATA / kgenre.__version__
    if "dev" in kgenre.__version__:
        print(f"{kgenre.__version__} is not released: set the version of the release first.", file=sys.stderr)
        return 2
    if out.exists():
        print(f"{out}: is there already, and stays as it is.", file=sys.stderr)
        return 2
    shutil.rmtree(MADE_IN, ignore_errors=True)
    paths = write_songs(MADE_IN / "music")
    made, data, recipe = MADE_IN / "made", str(MADE_IN / "music" / "manifest.csv"), MADE_IN / "recipe.toml"
    made.mkdir()
    recipe.write_text(RECIPE)
    for command, arguments in (
        (train, ["--config", str(recipe), "--data", data, "--out", str(made / "run")]),
        (export, ["--model", str(made / "run"), "--format", "litert", "--out", str(made / "model.tflite")]),
        (embed, ["--model", str(made / "run"), "--data", data, "--out", str(made / "embeddings.npz")]),
        (embed, ["--model", str(made / "run"), "--data", data, "--out", str(made / "embeddings.parquet")]),
        (prepare, ["--data", data, "--to", str(made / "prepared"), "--sample-rate-hz", str(RATE)]),
        (explore, [str(MADE_IN / "music"), "--model", str(made / "run"), "--library", str(made / "library.sqlite"),
                   "--scan-only", "--slices-per-track", "all"]),
    ):  # fmt: skip
        if command.main(arguments):
            raise SystemExit(f"{command.__name__} {' '.join(arguments)} failed.")
    answers = {"model": answers_of(made / "run", paths), "library": corrected(made / "library.sqlite")}
    (made / "answers.json").write_text(json.dumps(answers, indent=1) + "\n")
    shutil.copy(recipe, made)
    shutil.copytree(MADE_IN / "music", made / "music", ignore=shutil.ignore_patterns(".kgenre"))
    shutil.copytree(made, out)
    print(f"{out}: {sum(file.stat().st_size for file in out.rglob('*')) / 1024:.0f} KiB")
    return 0


def answers_of(model: Path, paths: list[Path]) -> dict[str, list[float]]:
    """{name: probabilities} of songs."""
    opened = kgenre.open_model(str(model))
    return {path.name: opened.predict(path).probabilities.tolist() for path in paths}


def corrected(file: Path) -> dict[str, list[float]]:
    """Corrects a recording of a library and retrains its head: {name: probabilities} of the recordings."""
    with Library(file) as library:
        space, tracks = library.space(), library.tracks()
        track = int(tracks.index[0])
        library.correct(track, CORRECTED)
        save_heads(library, space, [retrain(library.all_slices(space), space.task, {track: CORRECTED}, {})[0]])
        return library_answers(library)


def library_answers(library: Library) -> dict[str, list[float]]:
    """{name: probabilities} of the recordings, of the retrained head."""
    space = library.space()
    prediction = predict(library, space, load_head(library, space))
    names = [Path(library.path_of(track)).name for track in prediction.ids.tolist()]
    return dict(sorted(zip(names, prediction.probabilities.tolist())))


if __name__ == "__main__":
    sys.exit(main())
