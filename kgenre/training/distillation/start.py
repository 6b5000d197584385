"""The way of a distillation: songs and their split, renditions, the teacher's answers, training, export.

Each step is kept in the run folder and skipped where an earlier try has done it.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kgenre.audio.inputs import WAVEFORM
from kgenre.collections.left_out import write_left_out
from kgenre.collections.splits import artist_overlap
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder, write_text
from kgenre.core.progress import SILENT, Progress
from kgenre.serving.catalogue import MIX, open_model
from kgenre.serving.model import Model
from kgenre.training.distillation.settings import DEFAULTS, DISTILLATION, DistillationSettings
from kgenre.training.run import Run, remove_parts, resume_command
from kgenre.training.settings import RunSettings
from kgenre.training.songs import load_songs, split_songs
from kgenre.training.start import (
    check_start,
    new_run,
    resolved_network,
    resumed_settings,
    run_facts,
    settle,
    usable_tracks,
)

COMMAND = "distill"
RENDITIONS, TEACHER = "renditions", "teacher"  # folders of the run


@dataclass(frozen=True)
class Distillation:
    """A run, its settings, and those of its teaching.

    teacher: name or path, as `open_model` takes it.
    """

    run: Run
    settings: RunSettings
    own: DistillationSettings
    teacher: str


def new_distillation(given: dict, teacher: str | None, out, again: bool, progress: Progress = SILENT) -> Distillation:
    """A distillation that begins, checked before anything is made.

    Args:
        given: settings, of flags.
        teacher: name or path of a model; of several, joined by commas.
        out: the run folder; None names it by architecture and time.
        again: --resume was given, and there is nothing to go on with.
    """
    given, own = DISTILLATION.divided(given)
    own = DistillationSettings(**own)
    if teacher is None or "data" not in given:
        missing = "--teacher" if teacher is None else "--data"
        if again:
            raise KgenreError(f"{out}: no run to go on with. Name another --out, or type the first command again.")
        raise KgenreError(f"A student needs a teacher and music. Missing: {missing}. Add it.")
    settings, run = new_run({**DEFAULTS, **given}, out, again, progress)
    if settings.input != WAVEFORM:
        raise KgenreError(f"{settings.data}: a student hears audio. Received: spectrograms. Name a folder of music.")
    return Distillation(run, settings, own, named_teacher(teacher))


def resumed_distillation(run: Run, given: dict, teacher: str | None) -> Distillation:
    """A distillation that goes on. What is given beside --resume may repeat its settings.

    Raises:
        KgenreError: the run is none of a distillation, or another value of a setting that cannot change.
    """
    given, own = DISTILLATION.divided(given)
    settings = resumed_settings(run, given, COMMAND)
    facts = run.load_facts()["distillation"]
    before = DistillationSettings(**facts["settings"])
    named = {"teacher": named_teacher(teacher)} if teacher else {}
    DISTILLATION.check_unchanged({**own, **named}, {**facts["settings"], "teacher": facts["teacher"]})
    for folder in (RENDITIONS, TEACHER):
        remove_parts(run / folder)
    return Distillation(run, settings, before, facts["teacher"])


def named_teacher(text: str) -> str:
    """The name that `open_model` takes, wherever it is called from: of several, that of their mixture."""
    names = text.removeprefix(MIX).split(",")
    names = [str(Path(name).resolve()) if Path(name).exists() else name for name in names]
    return f"{MIX}{','.join(names)}" if len(names) > 1 else names[0]


def distill(work: Distillation, progress: Progress = SILENT) -> None:
    """Teaches and exports the student."""
    from kgenre.model.build import check_backend
    from kgenre.training.backend import start_backend
    from kgenre.training.devices import restart_devices

    check_backend()  # of its teacher, too
    if work.run.begun:
        restart_devices(work.settings.training.devices, work.run, progress, work.settings.training.accumulate)
        start_backend(work.settings)
    else:
        work = begin(work, progress)
    run = work.run
    progress.line(f"run folder {run.folder}; if stopped, go on with: {resume_command(run.folder, COMMAND)}")
    from kgenre.serving.exporters import export_model

    if not (run / "model.keras").is_file():
        teach(work, progress)
    run.remove_state()
    saved_model = run / "saved_model" / "1"
    if not saved_model.exists():
        progress.line("exporting and checking the export")
        export_model(run.load_model(), run.load_task(), work.settings.slice_spec, saved_model, **run.told())


def begin(work: Distillation, progress: Progress = SILENT) -> Distillation:
    """Opens the teacher, reads the songs, checks their files and writes what the run starts from."""
    from kgenre.training.backend import start_backend
    from kgenre.training.devices import start_devices
    from kgenre.training.fit import untrained_model

    settings, run = work.settings, work.run
    check_start(settings)
    settings, settled = settle(settings, resolved_network(settings))
    tracks = load_songs(settings.data, settings.input, progress)
    devices = start_devices(settings.training.devices, progress, settings.training.accumulate)
    start_backend(settings)
    teacher = open_teacher(work.teacher)
    untrained_model(settings, len(teacher.labels))  # what cannot be built should say so before there is a run folder
    tracks, failures, _ = usable_tracks(settings, tracks, progress)
    tracks, protocol = split_songs(tracks, settings.training.seed, progress)
    progress.line(describe(tracks, settings.data, protocol, teacher))
    facts = {
        **run_facts(settings, teacher.task, devices, failures),
        "command": COMMAND,
        "protocol": protocol,
        "leaky": teacher.leaky,
        **settled,
        "distillation": {
            "teacher": work.teacher,
            "identity": teacher.identity,
            "slice_seconds": teacher.slice_spec.slice_seconds,
            "settings": work.own.model_dump(),
        },
    }
    make_output_folder(run.folder)
    write_left_out(run / "left_out.csv", failures)
    run.save_setup(settings, list(teacher.labels), tracks, facts)
    return Distillation(run, settings, work.own, work.teacher)


def open_teacher(name: str) -> Model:
    """The model that teaches.

    Raises:
        KgenreError: no such model, or one that takes spectrograms or names nothing.
    """
    teacher = open_model(name)
    if teacher.slice_spec.input != WAVEFORM:
        raise KgenreError(f"{name}: takes spectrograms. A student hears audio, and so must its teacher.")
    if not teacher.labels:
        raise KgenreError(
            f"{name}: gives an embedding alone, and a student needs names too. Add a teacher that has tags: "
            f"--teacher {name.removeprefix(MIX)},fcn-msd."
        )
    return teacher


def describe(tracks: pd.DataFrame, data: str, protocol: str, teacher: Model) -> str:
    counts = ", ".join(f"{(tracks['split'] == split).sum()} {split}" for split in ("train", "valid", "test"))
    test, train = (tracks[tracks["split"] == split] for split in ("test", "train"))
    lines = [f"{data}: {len(tracks)} songs: {counts}", f"protocol: {protocol}"]
    if (tracks["artist"] != "").any():
        lines.append(f"test: {artist_overlap(test, train)}")
    tags = "genres" if not teacher.task.several else "tags"
    return "\n".join([*lines, f"teacher: {teacher.name}, {len(teacher.labels)} {tags}"])


def teach(work: Distillation, progress: Progress = SILENT) -> None:
    """Renditions, the teacher's answers, and the training: leaves model.keras behind."""
    from kgenre.training.distillation.answers import read_answers
    from kgenre.training.distillation.fit import fit_student

    run, settings = work.run, work.settings
    if settings.network.embedding_size is None:  # which is written when all answers are there
        ask(work, progress)
    answers, scale = read_answers(run / TEACHER, len(run.load_labels()))
    if settings.network.embedding_size is None:
        settings = settings.replace(embedding_size=len(scale.mean))
        run.save_settings(settings)
    renditions = read_renditions(run)
    seconds = run.load_facts()["distillation"]["slice_seconds"]
    fit_student(settings, work.own, run, renditions[renditions["path"].isin(answers)], answers, seconds, progress)


def ask(work: Distillation, progress: Progress = SILENT) -> None:
    """Writes the renditions and has the teacher answer for them; tells what cannot be used."""
    from kgenre.audio.reader import check_bad_share
    from kgenre.training.distillation.answers import ask_teacher
    from kgenre.training.distillation.renditions import plan_renditions, write_renditions

    run, settings = work.run, work.settings
    tracks, reading = run.load_tracks(), settings.reader
    own = (tracks, work.own, settings.training.seed, (run / RENDITIONS).resolve(), reading.policy.decoder)
    (run / RENDITIONS).mkdir(exist_ok=True)
    renditions, alterations = plan_renditions(*own)
    rate = settings.slice_spec.sample_rate
    failures = write_renditions(renditions, alterations, rate, reading.policy.decoder, reading.workers, progress)
    renditions = renditions[~renditions["track"].isin(failures)]
    teacher = open_teacher(work.teacher)
    refused = ask_teacher(teacher, renditions, run / TEACHER, reading.policy, reading.workers, progress)
    track_of = dict(renditions[["path", "track"]].itertuples(index=False))
    failures |= {track_of[path]: cause for path, cause in refused.items()}
    progress.failures(failures)
    run.add_bad_files(failures)
    write_left_out(run / "left_out.csv", run.load_facts()["bad_files"])
    check_bad_share(failures, len(tracks), reading.max_bad_share)
    renditions = renditions[~renditions["path"].isin(refused)]
    for split in ("train", "valid", "test"):
        if not (renditions["split"] == split).any():
            raise KgenreError(f"{settings.data}: no {split} song that can be used. Add songs, or name another --data.")
    write_text(run / f"{RENDITIONS}.csv", renditions.to_csv(index=False))


def read_renditions(run: Run) -> pd.DataFrame:
    """The renditions that the teacher answered for: path, track, number, split, alteration."""
    table = pd.read_csv(
        run / f"{RENDITIONS}.csv", dtype="string", keep_default_na=False, encoding_errors="surrogateescape"
    )
    return table.astype({"number": int})
