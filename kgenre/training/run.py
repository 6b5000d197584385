"""The run folder: what a training leaves behind, each file written beside and then renamed."""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

import kgenre
from kgenre.audio.inputs import input_of
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_json, write_text
from kgenre.core.settings import settings_json
from kgenre.model.settings import ModelSettings
from kgenre.model.tasks import Task, make_task
from kgenre.model.unsure import UnsureRule, rule_from
from kgenre.training.settings import RunSettings, read_config

PRETRAIN = "pretrain"  # the command, in the facts of its runs


class Run:
    """Paths and files of one run.

    config.json (effective), run.json (facts: protocol, versions, temperature, thresholds), labels.txt, tracks.csv (the
    split used), started_from.csv (with --init: the tracks that the starting weights know), left_out.csv (what of the
    collection is not in it, and why), history.csv, curves.png, model.keras, saved_model/1/, metrics.json,
    predictions.csv, report.txt, confusion.csv and confusion.png (of several genres a track: genres.csv and
    genres.png), README.md (the model card, of `kgenre report`), logs/ (TensorBoard); with
    `kgenre report --track` train_embeddings.npz; and while it is not finished,
    state.json and checkpoints/.
    """

    def __init__(self, folder):
        self.folder = Path(folder)

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    @property
    def begun(self) -> bool:
        return all((self / name).is_file() for name in ("run.json", "config.json"))

    @property
    def finished(self) -> bool:
        return (self / "metrics.json").is_file()

    def is_foreign(self, but_setup: bool = False) -> bool:
        """Whether the folder holds something; `but_setup` overlooks what a kill while a run began leaves."""
        if not self.folder.is_dir():
            return self.folder.exists()
        overlooked = ("labels.txt", "tracks.csv", "started_from.csv", "left_out.csv", "run.json") if but_setup else ()
        return any(path.name not in overlooked for path in self.folder.iterdir())

    def load_settings(self) -> RunSettings:
        if not self.begun:
            raise KgenreError(
                f"{self.folder}: not a run folder: config.json or run.json is missing. "
                "Name a folder that `kgenre train` made."
            )
        try:
            return RunSettings.compose(read_config(self / "config.json"))
        except KgenreError as error:
            made_by = self.load_facts().get("kgenre", "")
            if _numbers(made_by) > _numbers(kgenre.__version__):
                raise KgenreError(
                    f"{self.folder}: made by kgenre {made_by}, with settings that kgenre {kgenre.__version__} does not "
                    "know. Update kgenre."
                ) from error
            raise

    def load_task(self) -> Task:
        facts = self.load_facts()
        return make_task(facts["task"], self.load_labels(), facts["parameters"])

    def load_labels(self) -> list[str]:
        """Names of the genres; none of a run that was pre-trained without them."""
        text = (self / "labels.txt").read_text(encoding="utf-8").rstrip("\n")
        return text.split("\n") if text else []

    def load_tracks(self) -> pd.DataFrame:
        return _read_table(self / "tracks.csv")

    def training_rows(self, *splits: str) -> pd.DataFrame:
        """The tracks that the weights know: those of these splits, and what a run that it began with knew."""
        tracks, path = self.load_tracks(), self / "started_from.csv"
        own = tracks[tracks["split"].isin(splits)]
        if not path.is_file():
            return own
        return pd.concat([own, _read_table(path)], ignore_index=True).drop_duplicates("path", ignore_index=True)

    def save_start(self, other: "Run") -> None:
        """Keeps the tracks that another run was trained or selected on, with whose weights this one begins."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self / "started_from.csv", other.training_rows("train", "valid").to_csv(index=False))

    @property
    def leaky(self) -> str:
        """What makes the metrics of its split too high; "" if nothing is known to."""
        return self.load_facts()["leaky"]

    @property
    def unsure(self) -> UnsureRule | None:
        """By which rule its model is unsure; None without one."""
        return rule_from(self.load_facts().get("unsure"))

    @property
    def temperature(self) -> float | list[float]:
        """By which the logits of the trained model are divided, one for each label where there are several a track."""
        return self.load_facts().get("temperature", 1.0)

    @property
    def command(self) -> str:
        """The command that began it."""
        return self.load_facts().get("command", "train")

    @property
    def backends(self) -> list[str]:
        """What it was trained on, such as "jax 0.10.2", in that order; before 0.2 there was TensorFlow alone."""
        facts = self.load_facts()
        return facts.get("backends", [f"tensorflow {facts['tensorflow']}"])

    def told(self) -> dict:
        """What an export tells of the run's model beside its task, as export_model takes it."""
        return {"leaky": self.leaky, "unsure": self.unsure, "temperature": self.temperature}

    def load_facts(self) -> dict:
        return json.loads((self / "run.json").read_text(encoding="utf-8"))

    def load_model(self):
        """The Keras model that the run answers by: the trained one, its logits divided by the temperature."""
        from kgenre.model.temperature import calibrate

        model = self.load_trained()
        if not self.load_labels():
            from kgenre.serving.saved_model import no_genres

            raise KgenreError(no_genres(self.folder))
        calibrate(model, self.temperature)
        return model

    def load_trained(self):
        """The Keras model with its weights as they were trained."""
        from kgenre.model.build import load_model

        self.load_settings()  # tells what is wrong with the folder, if anything
        path = self / "model.keras"
        if not path.is_file():
            if (self / "fold-1").is_dir():
                raise KgenreError(f"{self.folder}: has no model, only its folds. Name one of them, {self / 'fold-1'}.")
            raise KgenreError(
                f"{path}: missing: the run is not finished. `{resume_command(self.folder, self.command)}`."
            )
        return load_model(path)

    def save_setup(self, settings: RunSettings, labels: list[str], tracks: pd.DataFrame, facts: dict) -> None:
        """Writes what training starts from; config.json last, for its presence means that the rest is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self / "labels.txt", "\n".join(labels) + "\n")
        write_text(self / "tracks.csv", tracks.to_csv(index=False))
        write_json(self / "run.json", facts)
        self.save_settings(settings)

    def save_settings(self, settings: RunSettings) -> None:
        write_text(self / "config.json", settings_json(settings.values()))

    def remove_state(self) -> None:
        """Removes what only an unfinished training needs."""
        (self / "state.json").unlink(missing_ok=True)
        shutil.rmtree(self / "checkpoints", ignore_errors=True)

    def save_calibration(self, temperature, task: Task) -> None:
        """Keeps the temperature, a float or one for each label, and the parameters of the run's task."""
        parameters = {name: list(getattr(task, name)) for name in task.parameters}
        self.add_facts(temperature=np.asarray(temperature, "float32").tolist(), parameters=parameters)

    def add_bad_files(self, failures: dict[str, str]) -> None:
        """Adds files that failed while training, {path: cause}, to run.json."""
        self.add_facts(bad_files={**self.load_facts()["bad_files"], **failures})

    def add_facts(self, **facts) -> None:
        """Adds to run.json, or replaces in it."""
        write_json(self / "run.json", {**self.load_facts(), **facts})


def _read_table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype="string", keep_default_na=False, encoding_errors="surrogateescape")


def resume_command(folder, command: str = "train") -> str:
    """What the user types to go on with a run."""
    return f"kgenre {command} --resume --out {shlex.quote(str(folder))}"


def network_of(init: str | None, chosen: dict) -> dict:
    """The settings of the network of the run that `init` names, from waveform to embedding; {} for None.

    Args:
        chosen: what else is set, flat.

    Raises:
        KgenreError: no run, or what is chosen is of another network, of other features, or of other tracks.
    """
    if init is None:
        return {}
    own = ModelSettings.values(Run(init).load_settings())
    if "data" in chosen and (given := input_of(chosen["data"])) != own["input"]:
        raise KgenreError(
            f"`init` needs tracks like those of its run. Received: {chosen['data']} holds {given}s, "
            f"and {init} takes {own['input']}s. Name other --data, or leave --init out."
        )
    for name in ("arch", "feature"):
        if name in chosen and chosen[name] != own[name]:
            raise KgenreError(
                f"`init` needs the same --{name}. Received: {name}={chosen[name]}, and {init} has {name}={own[name]}. "
                f"Leave --{name} out: it is then that of the run named by --init."
            )
    return own


def remove_parts(folder) -> None:
    """Removes what writers of a run that were killed left beside their files."""
    for directory in (Path(folder), Path(folder) / "checkpoints"):
        for part in directory.glob(".part-*-*"):
            part.unlink(missing_ok=True)
    for part in (Path(folder) / "saved_model").glob(".export-*"):
        shutil.rmtree(part, ignore_errors=True)


def _numbers(version: str) -> list[int]:
    """[0, 2, 0] of 0.2.0.dev0, to tell which of two versions is the newer one."""
    return [int(number) for number in re.findall(r"\d+", version)[:3]]
