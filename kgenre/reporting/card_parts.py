"""The parts of a model card: a function from run and metrics to lines of Markdown each; no lines leave it out."""

from collections.abc import Callable
from pathlib import Path

from kgenre.reporting.card_results import calibration, escaped, genre_table, metric_table, table, weak_points
from kgenre.training.run import Run
from kgenre.weights import weights_of

PATHS = ("data", "init", "artists")  # of the settings


def intended(run: Run, metrics: dict) -> list[str]:
    settings = run.load_settings()
    what = "any number of genres of" if run.load_task().several else "one genre for"
    labels = run.load_labels()
    return [
        f"A network (`{settings.arch}`, Keras) that names {what} a piece of music, trained and evaluated with "
        f"kgenre {run.load_facts()['kgenre']}.",
        "",
        f"{len(labels)} genres: {', '.join(map(escaped, labels))}.",
    ]


def input_lines(run: Run, metrics: dict) -> list[str]:
    settings, spec = run.load_settings(), run.load_settings().slice_spec
    if spec.bins:
        what = f"Spectrograms of {spec.bins} bins, in slices of {spec.slice_samples} frames, {spec.hop_samples} apart."
    else:
        seconds, hop = (n / spec.sample_rate for n in (spec.slice_samples, spec.hop_samples))
        names = " and ".join(f"`{name}`" for name in settings.features)
        features = f"the features {names} are" if len(settings.features) > 1 else f"the feature {names} is"
        what = (
            f"Audio as mono at {spec.sample_rate} Hz, in slices of {seconds:g} s, {hop:g} s apart; {features} computed "
            "in the model, which takes waveforms."
        )
    return [f"{what} The answer for a track is the mean over its slices."]


def data_lines(run: Run, metrics: dict) -> list[str]:
    tracks = run.load_tracks()
    counts = tracks["split"].value_counts()
    artists = tracks.loc[tracks["artist"] != "", "artist"].str.casefold().nunique()
    split = ", ".join(f"{counts[name]} {name}" for name in ("train", "valid", "test") if name in counts)
    lines = [
        f"- data: {escaped(metrics['data'])}, {len(tracks)} tracks ({split}), "
        f"{f'{artists} artists' if artists else 'artists unknown'}",
        f"- protocol: {escaped(metrics['protocol'])}",
        f"- overlap: {escaped(metrics['overlap'])}",
    ]
    if metrics["leaky"]:
        lines.append(f"- **LEAKY**: {escaped(metrics['leaky'])}")
    if metrics["note"]:
        lines.append(f"- note: {escaped(metrics['note'])}")
    if init := run.load_settings().init:
        lines.append(f"- began with the weights of the run `{escaped(Path(init).name)}`")
    return lines


def usage(run: Run, metrics: dict) -> list[str]:
    name, song = run.folder.resolve().name, "SONG.npy" if run.load_settings().slice_spec.bins else "SONG.mp3"
    lines = [
        f"In the folder that holds `{name}/`:",
        "",
        "```",
        f"kgenre predict --model {name} {song}",
        "```",
        "",
        "```python",
        "import kgenre",
        "",
        f'print(kgenre.open_model("{name}").predict("{song}").genre)',
        "```",
    ]
    if song.endswith(".npy"):
        return lines
    return [
        *lines,
        "",
        "By TensorFlow Serving, which then answers `kgenre client http://localhost:8501/v1/models/genres SONG.mp3`:",
        "",
        "```",
        f'docker run -p 8501:8501 -v "$PWD/{name}/saved_model:/models/genres" -e MODEL_NAME=genres tensorflow/serving',
        "```",
    ]


def setting_table(run: Run, metrics: dict) -> list[str]:
    """All settings; of paths the last part alone, for the rest is of no use elsewhere."""
    values = run.load_settings().values()
    values |= {name: Path(values[name]).name for name in PATHS if values[name]}
    rows = [(f"`{name}`", escaped(value)) for name, value in values.items()]
    return ["<details><summary>all settings</summary>", "", *table(("setting", "value"), rows), "", "</details>"]


def versions(run: Run, metrics: dict) -> list[str]:
    facts = run.load_facts()
    trained_on = {"trained on": ", ".join(run.backends)}
    names = ("kgenre", "keras", "trained on", "tensorflow", "decoder_versions")
    return [f"- {name.replace('_', ' ')}: {escaped({**facts, **trained_on}[name])}" for name in names]


def licence(run: Run, metrics: dict) -> list[str]:
    settings = run.load_settings()
    row = weights_of(settings.arch).get(str(settings.values().get("weights", "none")))
    own = "None is chosen: add `license:` to the first lines of this file. Mind the licence of the music trained on."
    if row is None:
        return [own]
    return [own, "", f"It began with {row.title}: {row.trained_on} ({row.citation}), licence {row.licence}."]


PARTS: dict[str, Callable[[Run, dict], list[str]]] = {
    "": intended,
    "Input": input_lines,
    "Training data and protocol": data_lines,
    "Metrics": metric_table,
    "Genres": genre_table,
    "What it is bad at": weak_points,
    "Calibration": calibration,
    "How to use": usage,
    "Settings": setting_table,
    "Versions": versions,
    "Licence": licence,
}
