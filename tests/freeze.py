"""Writes tests/data/VERSION: a small file of every format that this version stores, which later versions must read.

python tests/freeze.py

Run it once before a release. What it has written stays as it is: test_stored_files.py reads it from then on. Paths in
the files are those of the folder that it was made in, MADE_IN.
"""

import gzip
import json
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
from applicable_settings import compose_applicable
from audio_files import music, write_sound
from surface import surface
from test_archs import small_config, small_model

import kgenre
from kgenre import baseline, embed, explore, export, prepare, pretrain, train
from kgenre.archs import ARCHS
from kgenre.augment import AUDIO_PLACES, AUGMENTS
from kgenre.core.progress import Progress
from kgenre.features import FEATURES
from kgenre.features import __main__ as features
from kgenre.library.head import load_head, predict, save_heads
from kgenre.library.retraining import retrain
from kgenre.library.store import Library
from kgenre.training.config import named_config
from kgenre.training.fit import fit
from kgenre.training.run import Run
from kgenre.training.start import begin, new_run

DATA = Path(__file__).parent / "data"
MADE_IN = Path("/tmp/kgenre-files")
CORRECTED = "morna"  # a genre that the model does not know
RATE, SECONDS, GENRES = 8000, 2.0, ("fado", "house")
# What other runs store: several genres a track, several features, another optimizer, fixed crops, every layer that
# changes images in training.
SEVERAL = (
    "--feature", "logmel,mfcc", "--task", "multi", "--epochs", "1", "--optimizer", "sgd", "--accumulate", "2",
    "--crops", "fixed", "--augment", "zoom", "noise", "specaugment",
)  # fmt: skip
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
    several = [row.replace("genre", "genres").replace(",house,", ",house|club,") for row in rows]
    (folder / "several.csv").write_text("\n".join(several) + "\n")
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
    several = str(MADE_IN / "music" / "several.csv")
    made.mkdir()
    recipe.write_text(RECIPE)
    for command, arguments in (
        (train, ["--config", str(recipe), "--data", data, "--out", str(made / "run")]),
        (export, ["--model", str(made / "run"), "--format", "litert", "--out", str(made / "model.tflite")]),
        (embed, ["--model", str(made / "run"), "--data", data, "--out", str(made / "embeddings.npz")]),
        (embed, ["--model", str(made / "run"), "--data", data, "--out", str(made / "embeddings.parquet")]),
        (prepare, ["--data", data, "--out", str(made / "prepared"), "--sample-rate-hz", str(RATE)]),
        (train, ["--config", str(recipe), *SEVERAL, "--data", several, "--out", str(made / "several")]),
        (pretrain, ["--arch", "bbnn", "--feature", "logmel", "--sample-rate-hz", str(RATE), "--slice-seconds", "0.9",
                    "--n-mels", "32", "--hop-length", "128", "--epochs", "1", "--batch-size", "4", "--data", data,
                    "--out", str(made / "pretrained")]),
        (baseline, ["--on", "stats", "--classifier", "knn", "--data", data, "--out", str(made / "baseline")]),
        (features, [data, "--feature", "logmel", "--sample-rate-hz", str(RATE), "--n-mels", "32", "--hop-length", "128",
                    "--out", str(made / "spectrograms")]),
        (explore, [str(MADE_IN / "music"), "--model", str(made / "run"), "--library", str(made / "library.sqlite"),
                   "--scan-only", "--slices-per-track", "all"]),
    ):  # fmt: skip
        if command.main(arguments):
            raise SystemExit(f"{command.__name__} {' '.join(arguments)} failed.")
    unfinished(recipe, data, made / "unfinished")
    answers = {
        "model": answers_of(made / "run", paths),
        "several": answers_of(made / "several", paths),
        "library": corrected(made / "library.sqlite"),
    }
    with gzip.open(made / "networks.json.gz", "wt", encoding="utf-8") as file:
        json.dump({name: network_values(config) for name, config in configs().items()}, file)
    (made / "surface.json").write_text(json.dumps(surface(Run(made / "run")), indent=1) + "\n")
    (made / "answers.json").write_text(json.dumps(answers, indent=1) + "\n")
    shutil.copy(recipe, made)
    shutil.copytree(MADE_IN / "music", made / "music", ignore=shutil.ignore_patterns(".kgenre"))
    shutil.copytree(made, out)
    print(f"{out}: {sum(file.stat().st_size for file in out.rglob('*')) / 1024:.0f} KiB")
    return 0


class StopsAfterAnEpoch(Progress):
    def line(self, text: str) -> None:
        if text.startswith("epoch"):
            raise KeyboardInterrupt


def unfinished(recipe: Path, data: str, folder: Path) -> None:
    """A run that was stopped after its first epoch."""
    settings, run = new_run({"data": data}, folder, False, file_values=named_config(str(recipe)).settings)
    try:
        fit(begin(settings, run, Progress()), run, StopsAfterAnEpoch())
    except KeyboardInterrupt:
        return
    raise SystemExit(f"{folder}: was not stopped.")


def configs() -> dict:
    """{name: settings} of small networks that between them have every network, feature and augmentation of images."""
    layers = [name for name, row in AUGMENTS.items() if row.place not in AUDIO_PLACES and row.place != "batch"]
    tall = {"arch": "bbnn", "image_height": 84, "image_width": 384}
    return {
        **{f"arch {name}": small_config(name) for name in ARCHS},
        **{f"feature {name}": compose_applicable(tall, feature=name) for name in FEATURES},
        "augmentations": small_config("bbnn", augment=layers),
        "gain": small_config("bbnn", augment=["gain"]),
    }


def network_values(config) -> dict:
    """A network without its weights, as a .keras file has it, and what it answers with those of `filled`."""
    model = small_model(config)
    return {"network": model.to_json(), "answer": answer_of(filled(model)).tolist()}


def filled(model: keras.Model) -> keras.Model:
    """The same with drawn kernels; what has one dimension stays as it begins."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) > 1:
            fan_in = np.prod(weight.shape[:-1])
            weight.assign((rng.standard_normal(weight.shape) / np.sqrt(fan_in)).astype("float32"))
    return model


def answer_of(model: keras.Model) -> np.ndarray:
    """Of two slices of noise, a loud and a soft one: (2, classes)."""
    noise = np.random.default_rng(1).standard_normal((2, *model.input_shape[1:])) * [[0.3], [0.003]]
    return keras.ops.convert_to_numpy(model(noise.astype("float32"), training=False))


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
