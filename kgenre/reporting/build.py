"""A report from evaluation to page."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from markupsafe import Markup

from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.collections.settings import CollectionOptions
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_text
from kgenre.core.progress import SILENT, Progress
from kgenre.evaluation.evaluate import evaluate_named, read_metrics
from kgenre.evaluation.pooled import has_folds, pooled_predictions
from kgenre.evaluation.predictions import Predictions, read_predictions, read_probabilities
from kgenre.reporting.card import write_card
from kgenre.reporting.excerpts import add_excerpts
from kgenre.reporting.folder import report_folder
from kgenre.reporting.page import report_page
from kgenre.reporting.section import LeftOut, Options, Output
from kgenre.reporting.sections import SECTIONS
from kgenre.reporting.subject import EvaluatedTrack, Subject, evaluated_track
from kgenre.serving.catalogue import model_input, open_model
from kgenre.training.run import Run


@dataclasses.dataclass(frozen=True)
class Asked:
    """What `kgenre report` is asked for.

    model: a run folder, the folder of a baseline or of folds, or a model.
    data, split: as of evaluate_named.
    out: the page; None for report.html in the model's folder. The files behind it lie in a folder of its name.
    max_bad_share, policy, collection: as of evaluate_named.
    """

    model: Path
    data: str | None = None
    split: str = "test"
    out: Path | None = None
    max_bad_share: float = 0.1
    policy: ReadPolicy = DEFAULT_POLICY
    collection: CollectionOptions | None = None


def report(asked: Asked, command: str, options: Options | None = None, progress: Progress = SILENT) -> Path:
    """Evaluates the model, or reads what a baseline left, and writes the page and the files behind it.

    A run gets its model card, README.md, too; its figures are those of its own test tracks, whatever is reported.

    Args:
        command: that makes it again, for the page.

    Returns:
        The page.

    Raises:
        KgenreError: as evaluate_named and read_predictions; or the page cannot be written.
    """
    page, options = _page_path(asked), options or Options()
    with report_folder(page.with_suffix("")) as folder:
        output = Output(folder, options, progress)
        subject = _subject(asked, folder, command, options, progress)
        # A student's metrics.json has how well it agrees with its teacher, of which no card is made.
        if subject.run and subject.run.finished and "per_genre" in (metrics := read_metrics(subject.run)):
            write_card(subject.run, metrics, progress)
        contents, left_out = make_sections(subject, output)
        write_text(page, report_page(subject, contents, left_out, output.excerpts))
    return page


def make_sections(subject: Subject, output: Output) -> tuple[dict[str, Markup], dict[str, str]]:
    """{title: HTML} of the sections, and {title: reason} of those that are left out."""
    contents, left_out = {}, {}
    try:  # before the sections, which may show them
        add_excerpts(subject, output)
    except LeftOut as reason:
        left_out["Excerpts"] = str(reason)
    with output.progress.task("report", len(SECTIONS), "sections") as advance:
        for section in SECTIONS.values():
            try:
                contents[section.title] = section.make(subject, output)
            except LeftOut as reason:
                left_out[section.title] = str(reason)
            advance()
    return contents, left_out


def _page_path(asked: Asked) -> Path:
    if asked.out is None and not asked.model.is_dir():
        model_input(asked.model)  # tells that there is none, and which there are
        raise KgenreError(f"{asked.model}: has no folder for the page. Name the page with --out FILE.html.")
    page = asked.out or asked.model / "report.html"
    if page.suffix not in (".html", ".htm"):
        raise KgenreError(f"--out must be an .html file. Received: {page}.")
    return page


def _subject(asked: Asked, folder: Path, command: str, options: Options, progress: Progress) -> Subject:
    named = (asked.model.resolve().name, asked.model, command)
    if is_baseline(asked.model):
        if asked.data is not None:
            raise KgenreError(f"{asked.model}: a baseline is reported on its own tracks. Leave out --data.")
        found = read_predictions(asked.model)
        return Subject(*named, found, classifiers=_classifiers(asked.model, found))
    run = Run(asked.model)
    if has_folds(run):
        if asked.data is not None:
            raise KgenreError(f"{asked.model}: has no model, only its folds. Leave out --data, or name one of them.")
        return Subject(*named, pooled_predictions(run))
    tracks: dict[str, EvaluatedTrack] = {}

    def keep(prediction) -> None:
        tracks[prediction.path] = evaluated_track(prediction)

    settings = (options.workers, asked.max_bad_share, progress, asked.policy, asked.collection, keep)
    evaluate_named(asked.model, asked.data, asked.split, folder, *settings)
    model = open_model(asked.model)
    return Subject(*named, read_predictions(folder), tracks, model, run if run.begun else None)


def is_baseline(folder: Path) -> bool:
    """Whether a folder holds results of `kgenre baseline`, which leaves no model."""
    run = Run(folder)
    return (folder / "classifiers.csv").is_file() and not run.begun


def _classifiers(folder: Path, found: Predictions) -> Mapping[str, np.ndarray]:
    """{name: probabilities} of the classifiers of a baseline.

    Raises:
        KgenreError: they answered other tracks than those of predictions.csv.
    """
    paths, answers = list(found.rows["path"]), {}
    for path in sorted((folder / "classifiers").glob("*.csv")):
        rows, answers[path.stem] = read_probabilities(path)
        if list(rows["path"]) != paths:
            raise KgenreError(f"{path}: is of other tracks than predictions.csv. Run `kgenre baseline` again.")
    return answers
