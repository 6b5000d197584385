"""Distillation: renditions, the teacher's answers, the loss, the student's run, its agreement, stops and faults."""

import contextlib
import json
import re
from pathlib import Path

import audio_files
import exported_models
import keras
import mutagen
import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from kgenre import distill, embed, evaluate, export, predict, train
from kgenre.audio.decode import decode
from kgenre.collections.tables import COLUMNS
from kgenre.core.agreement import Answers, agreement, correlations, cosines, explained, explained_together, intervals
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress
from kgenre.core.settings import fields_of
from kgenre.embeddings.files import read_embeddings
from kgenre.model.build import build_model, load_model
from kgenre.model.settings import ModelSettings
from kgenre.model.tasks import make_task
from kgenre.serving.catalogue import open_model
from kgenre.serving.exporters import export_model
from kgenre.serving.keras_model import KerasModel
from kgenre.serving.predict import predict_track
from kgenre.training import songs
from kgenre.training.distillation import renditions, start
from kgenre.training.distillation.answers import CropTargets, TrackAnswers, read_answers
from kgenre.training.distillation.callback import cross_entropy
from kgenre.training.distillation.loss import DistillationLoss, ExplainedShare
from kgenre.training.distillation.settings import DistillationSettings
from kgenre.training.run import Run

TAGS = ("calm", "fast", "loud", "male vocal")
# 63 frames: small enough for a test, and the songs still sound different.
NETWORK = {
    "arch": "convconvpool", "sample_rate_hz": 8000, "slice_seconds": 1.0, "n_fft": 512, "hop_length": 128, "n_mels": 32,
    "image_height": 40, "image_width": 40,
}  # fmt: skip
SMALL = {**NETWORK, "batch_size": 8, "epochs": 5, "crops_per_track": 3, "learning_rate": 3e-3}
FLAGS = [part for name, value in SMALL.items() for part in (f"--{name.replace('_', '-')}", str(value))]
RATE = 22050


def teacher_of(folder, labels=TAGS, seed=0, **changes) -> Path:
    """An exported model whose answers differ from song to song."""
    settings = ModelSettings.compose({**NETWORK, **changes})
    model = build_model(settings, len(labels), seed=seed)
    model.get_layer("logits").set_weights([8 * weight for weight in model.get_layer("logits").get_weights()])
    export_model(model, make_task("multi", labels), settings.slice_spec, folder / "1")
    return folder


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return teacher_of(tmp_path_factory.mktemp("teachers") / "one")


@pytest.fixture(scope="module")
def music(collection, tmp_path_factory):
    """A manifest of 18 songs, a broken file and a silent one."""
    folder = tmp_path_factory.mktemp("songs")
    table = pd.read_csv(collection / "manifest.csv")[["path", "genre"]]
    table["path"] = [str((collection / name).resolve()) for name in table["path"]]
    number = table.groupby("genre").cumcount()
    table["split"] = np.select([number == 5, number >= 3], ["valid", "test"], "train")
    (folder / "broken.mp3").write_bytes(b"no music" * 99)
    audio_files.write_sound(folder / "silent.wav", np.zeros(RATE, "float32"), RATE)
    bad = [(str(folder / name), table["genre"][0], "train") for name in ("broken.mp3", "silent.wav")]
    pd.concat([table, pd.DataFrame(bad, columns=table.columns)]).to_csv(folder / "music.csv", index=False)
    return folder / "music.csv"


@pytest.fixture(scope="module")
def student(teacher, music, tmp_path_factory):
    """The run of a student that `kgenre distill` made, and what it printed."""
    out = tmp_path_factory.mktemp("students") / "student"
    with contextlib.redirect_stdout(text := __import__("io").StringIO()):
        assert distill.main(["--teacher", str(teacher), "--data", str(music), "--out", str(out), *FLAGS]) == 0
    return Run(out), text.getvalue()


# --- the run --------------------------------------------------------------------------------------


def test_student_is_an_ordinary_run(student, teacher, capsys):
    run, printed = student
    task = run.load_task()
    assert (task.name, task.labels) == ("multi", TAGS)
    model, size = run.load_model(), read_size(run)
    assert (
        model.get_layer("embedding").output.shape == (None, size) and run.finished and not (run / "state.json").exists()
    )
    facts = run.load_facts()["distillation"]
    assert facts["teacher"] == str(teacher) and facts["identity"] == open_model(teacher).identity
    assert run.load_settings().network.embedding_size == size
    assert re.search(r"epoch +5/5 .* slices/s", printed) and "R2 of the embedding" in printed
    assert list(pd.read_csv(run / "history.csv")["epoch"]) == [1, 2, 3, 4, 5]


def read_size(run: Run) -> int:
    return len(read_answers(run / start.TEACHER, len(TAGS))[1].mean)


def test_broken_and_silent_files_are_listed(student):
    run, _ = student
    left_out = dict(pd.read_csv(run / "left_out.csv").itertuples(index=False))
    assert {Path(name).name for name in left_out} == {"broken.mp3", "silent.wav"}
    assert {Path(name).name for name in run.load_facts()["bad_files"]} == {"broken.mp3", "silent.wav"}
    table = start.read_renditions(run)
    assert table.groupby("split").size().to_dict() == {"train": 3 * 9, "valid": 3, "test": 6}
    assert not table["track"].str.contains("silent|broken").any()
    files = {path.name for path in (run / start.RENDITIONS).iterdir()}
    assert files == {Path(path).name for path in table.loc[table["number"] > 0, "path"]}


def test_cosine_is_far_above_that_of_an_untrained_student(student, music):
    run, _ = student
    settings, task = run.load_settings(), run.load_task()
    answers, _ = read_answers(run / start.TEACHER, len(TAGS))
    paths = list(start.read_renditions(run).query("split == 'test'")["path"])
    truth = Answers(*map(np.stack, zip(*(answers[path].of_track for path in paths))))

    def of(network):
        model = KerasModel(network, task, settings.slice_spec)
        found = [predict_track(model, path) for path in paths]
        return Answers(np.stack([one.embedding for one in found]), np.stack([one.probabilities for one in found]))

    metrics = json.loads((run / "metrics.json").read_text())
    taught, untaught = (
        agreement(truth, of(run.load_model())),
        agreement(truth, of(build_model(settings, len(TAGS), seed=5))),
    )
    for name, value in taught.items():
        assert metrics[name] == pytest.approx(value, abs=1e-4)
    # Of the angle alone: R2 of six test songs after nine train songs is decided by single songs, and did not rise.
    assert taught["cosine"] > 0.4 and taught["cosine"] > untaught["cosine"] + 0.2
    losses = pd.read_csv(run / "history.csv")["valid_loss"]
    assert losses.min() < 0.8 * losses[0]


def test_agreement_is_told_by_kind_and_tag(student):
    run, printed = student
    table, metrics = (
        pd.read_csv(run / "agreement.csv", keep_default_na=False),
        json.loads((run / "metrics.json").read_text()),
    )
    assert list(table["of"]) == ["all", *["kind"] * 3, *["tag"] * len(TAGS)]
    assert set(table["name"][4:]) == set(TAGS) and set(table["name"][1:4]) == {"ambient", "house", "metal"}
    assert metrics["tracks"] == 6 and sum(row["tracks"] for row in metrics["per_kind"].values()) == 6
    low, high = metrics["cosine_interval_95"]
    assert low <= metrics["cosine"] <= high
    assert printed.count("95 % interval") == 5


def test_student_predicts_embeds_and_exports(student, music, tmp_path, capsys):
    run, _ = student
    song = start.read_renditions(run)["track"].iloc[0]
    assert predict.main(["--model", str(run.folder), song, "--format", "jsonl"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["probabilities"]) == set(TAGS) and told["task"] == "multi"
    out = tmp_path / "vectors.npz"
    assert embed.main(["--model", str(run.folder), "--out", str(out), song]) == 0
    assert read_embeddings(out).mean.shape == (1, read_size(run))
    file = tmp_path / "student.tflite"
    assert export.main(["--model", str(run.folder), "--format", "litert", "--out", str(file)]) == 0
    expected = predict_track(open_model(run.folder), song)
    found = predict_track(open_model(file), song)
    np.testing.assert_allclose(found.embedding, expected.embedding, atol=1e-4)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-4)


def test_evaluation_without_genres_and_another_command_are_refused(student, capsys):
    run, _ = student
    assert evaluate.main(["--model", str(run.folder)]) == 2
    assert "was taught on songs without genres" in capsys.readouterr().err
    assert train.main(["--resume", "--out", str(run.folder)]) == 2
    assert "was begun by `kgenre distill`" in capsys.readouterr().err


def test_finished_student_is_told_again_and_its_settings_stay(student, capsys):
    run, _ = student
    assert distill.main(["--resume", "--out", str(run.folder)]) == 0
    assert "agreement with" in capsys.readouterr().out
    for flags, name in (
        (["--renditions", "4"], "renditions"),
        (["--epochs", "9"], "epochs"),
        (["--teacher", "x"], "teacher"),
    ):
        assert distill.main(["--resume", "--out", str(run.folder), *flags]) == 2
        assert f"`{name}` of a run cannot change" in capsys.readouterr().err


class Stops(Progress):
    """Raises KeyboardInterrupt as Ctrl-C does, when a task has gone on for some steps or a line is told."""

    def __init__(self, title: str, steps: int = 2):
        self.title, self.left = title, steps

    @contextlib.contextmanager
    def task(self, title, total, unit, done=0):
        yield lambda n=1, more=None, total=None: self.step() if title == self.title else None

    def step(self):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt

    def line(self, text):
        if text.startswith(self.title):
            raise KeyboardInterrupt


@pytest.mark.soak
def test_student_stopped_at_each_step_ends_as_one_that_was_not(student, teacher, music, tmp_path):
    run, _ = student
    given = {**SMALL, "data": str(music)}
    work = start.begin(start.new_distillation(given, str(teacher), tmp_path / "run", again=False))
    for title in ("writing renditions", "embedding", "validating", "epoch   2"):
        with pytest.raises(KeyboardInterrupt):
            start.teach(work, Stops(title))
        work = start.resumed_distillation(work.run, {}, None)
    (work.run / start.RENDITIONS / ".part-1-x.flac").write_bytes(b"of a kill")
    work = start.resumed_distillation(work.run, {}, None)
    start.teach(work)
    for path in (run / start.RENDITIONS).iterdir():
        assert path.read_bytes() == (work.run / start.RENDITIONS / path.name).read_bytes()
    assert len(list((work.run / start.RENDITIONS).iterdir())) == 2 * 9
    one, other = (pd.read_csv(each / "history.csv") for each in (run, work.run))
    # Sums of threads differ in their last bits, which steps of training enlarge.
    np.testing.assert_allclose(other["loss"], one["loss"], rtol=0.05)
    assert list(other["epoch"]) == list(one["epoch"])


@pytest.mark.soak
def test_mixture_teaches(teacher, music, tmp_path_factory, capsys):
    folder = tmp_path_factory.mktemp("mixture")
    other = teacher_of(folder / "other", ("fast", "metal"), seed=3, slice_seconds=1.4)
    flags = [*FLAGS, "--epochs", "1", "--renditions", "1", "--crops-per-track", "1"]
    out = folder / "run"
    assert distill.main(["--teacher", f"{teacher},{other}", "--data", str(music), "--out", str(out), *flags]) == 0
    run = Run(out)
    assert (
        run.load_labels() == [*TAGS, "metal"]
        and run.load_facts()["distillation"]["teacher"] == f"mix:{teacher},{other}"
    )
    sizes = [
        open_model(path)(np.zeros((1, n), "float32")).embeddings.shape[1]
        for path, n in ((teacher, 8000), (other, 11200))
    ]
    assert run.load_settings().network.embedding_size == sum(sizes)
    assert not list((out / start.RENDITIONS).iterdir())


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--teacher", "fcn-mds", "--data", "DATA"], "unknown model 'fcn-mds'. Did you mean fcn-msd?"),
        (["--teacher", "TEACHER"], "Missing: --data"),
        (["--data", "DATA"], "Missing: --teacher"),
        (["--teacher", "TEACHER", "--data", "EMPTY"], "at least 3 songs.* Received: 0."),
        (["--teacher", "TEACHER", "--data", "none/at/all"], "no such folder or file"),
        (["--teacher", "TEACHER", "--data", "DATA", "--out", "EMPTY/.."], "exists and is not empty"),
        (["--teacher", "SPECTROGRAMS", "--data", "DATA"], "takes spectrograms. A student hears audio"),
        (["--teacher", "TEACHER", "--data", "spectrograms:DATA"], "a student hears audio"),
        (["--teacher", "TEACHER", "--data", "DATA", "--balanced"], "`balanced` is of tracks with genres"),
        (
            ["--teacher", "TEACHER", "--data", "DATA", "--embedding-size", "8"],
            "`embedding_size` is that of the teacher",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_fault_is_one_line_and_nothing_is_made(flags, text, teacher, music, spectrograms, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    names = {"DATA": music, "TEACHER": teacher, "EMPTY": tmp_path / "empty", "SPECTROGRAMS": spectrograms.folder}
    for name, path in names.items():
        flags = [re.sub(rf"\b{name}\b", str(path), flag) for flag in flags]
    flags = flags if "--out" in flags else [*flags, "--out", str(tmp_path / "run")]
    assert distill.main(flags) == 2
    err = capsys.readouterr().err.strip()
    assert re.search(text, err) and len(err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_teacher_without_names_is_refused(monkeypatch, waveforms):
    model = exported_models.SavedModel(waveforms.folder)
    model.task = make_task("single", ())
    monkeypatch.setattr(start, "open_model", lambda name: model)
    with pytest.raises(KgenreError, match="gives an embedding alone.*--teacher vggish,fcn-msd"):
        start.open_teacher("vggish")


def test_settings_describe_themselves():
    for name, field in fields_of(DistillationSettings).items():
        assert field.description and (field.low is None) == (field.high is None)
        assert getattr(DistillationSettings(**{name: field.default}), name) == field.default
        with pytest.raises(KgenreError, match=f"`{name}` must be from"):
            DistillationSettings(**{name: type(field.default)(field.high + 1)})


# --- songs and their split ------------------------------------------------------------------------


def test_folder_is_split_by_folders_and_told_by_kind(tmp_path):
    for number in range(24):
        folder = tmp_path / f"kind{number % 2}" / f"album{number // 2}"
        folder.mkdir(parents=True, exist_ok=True)
        audio_files.write_sound(folder / f"{number}.wav", audio_files.music(0.3, 8000, 1, seed=number), 8000)
    table, protocol = songs.split_songs(songs.load_songs(str(tmp_path)), seed=1)
    assert protocol == "a tenth each is valid and test, split by folder or album, seed 1"
    assert set(table["kind"]) == {"kind0", "kind1"} and len(table) == 24
    assert table.groupby("group")["split"].nunique().max() == 1 and table["group"].nunique() == 24
    assert {"valid", "test"} < set(table["split"]) and (table["split"] == "train").sum() >= 16
    again, _ = songs.split_songs(songs.load_songs(str(tmp_path)), seed=1)
    other, _ = songs.split_songs(songs.load_songs(str(tmp_path)), seed=2)
    assert again.equals(table) and not other.equals(table)


def test_folder_of_tagged_songs_is_split_by_artist(tmp_path):
    for number in range(24):
        path = tmp_path / f"album{number // 4}" / f"{number}.flac"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, audio_files.music(0.3, 8000, 1, seed=number), 8000)
        file = mutagen.File(path)
        file["artist"] = f"artist {number % 12}"
        file.save()
    table, protocol = songs.split_songs(songs.load_songs(str(tmp_path)), seed=1)
    assert protocol == "a tenth each is valid and test, split by artist, seed 1"
    assert table["artist"].nunique() == 12 and (table.groupby("artist")["split"].nunique() == 1).all()
    assert set(table["split"]) == {"train", "valid", "test"}


@pytest.mark.parametrize(
    "artists, albums, unit",
    [
        (["one"] * 191 + [""] * 9, 40, "folder or album"),
        (["various"] * 190 + [f"artist {number}" for number in range(10)], 40, "folder or album"),
        (["one"] * 191 + [""] * 9, 3, "track"),
        (["one"] * 60 + [f"artist {number}" for number in range(14) for _ in range(10)], 40, "artist"),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_artist_of_much_of_the_music_leaves_a_tenth_each_to_valid_and_test(artists, albums, unit, seed):
    rows = range(200)
    names = {"path": [f"/{row}.wav" for row in rows], "track_id": [str(row) for row in rows], "artist": artists}
    table = pd.DataFrame({**names, "album": [f"album {row % albums}" for row in rows]})
    table["kind"] = np.where(table["artist"] == "one", "much", "other")
    table = table.reindex(columns=[*COLUMNS, "kind"], fill_value="").astype("string")
    table, protocol = songs.split_songs(table, seed)
    assert protocol == f"a tenth each is valid and test, split by {unit}, seed {seed}"
    assert (table["split"].value_counts()[["valid", "test"]] >= 10).all()
    assert (table["split"] == "train").sum() >= 150
    if unit == "artist":  # who is much of the music is learnt from
        assert set(table["split"][table["artist"] == "one"]) == {"train"}


def test_copy_of_a_song_is_on_the_side_of_the_song(tmp_path):
    for number in range(20):
        (tmp_path / str(number)).mkdir()
        sound = audio_files.music(0.3, 8000, 1, seed=number // 2)
        audio_files.write_sound(tmp_path / str(number) / "song.wav", sound, 8000)
    table, _ = songs.split_songs(songs.load_songs(str(tmp_path)), seed=0)
    copies = [sorted(table["split"][table["album"].isin([str(n), str(n + 1)])]) for n in range(0, 20, 2)]
    assert all(one == other for one, other in copies)


# --- renditions -----------------------------------------------------------------------------------


def tracks_of(tmp_path, n: int = 4) -> pd.DataFrame:
    paths = [tmp_path / f"{number}.wav" for number in range(n)]
    for number, path in enumerate(paths):
        audio_files.write_sound(path, audio_files.music(2.0, RATE, 1, seed=number), RATE)
    splits = ["train"] * (n - 1) + ["test"]
    return pd.DataFrame({"path": map(str, paths), "track_id": [path.name for path in paths], "split": splits})


def write(tracks, folder, seed: int = 0, **changes) -> pd.DataFrame:
    folder.mkdir()
    table, alterations = renditions.plan_renditions(tracks, DistillationSettings(**changes), seed, folder, "auto")
    assert renditions.write_renditions(table, alterations, RATE, "auto", 2) == {}
    return table


def test_renditions_of_one_seed_have_the_same_bytes(tmp_path):
    tracks = tracks_of(tmp_path)
    one, other, third = (write(tracks, tmp_path / name, seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    content = [
        [Path(path).read_bytes() for path in table.loc[table["number"] > 0, "path"]] for table in (one, other, third)
    ]
    assert content[0] == content[1] and not set(content[0]) & set(content[2])
    assert len(set(content[0])) == 6 and (one["number"] == [0, 1, 2] * 3 + [0]).all()
    assert one.loc[one["number"] == 0, "path"].equals(one.loc[one["number"] == 0, "track"])


def test_rendition_depends_on_its_track_alone_unless_mixed(tmp_path):
    tracks = tracks_of(tmp_path)
    every, few = write(tracks, tmp_path / "a", mix_share=0.0), write(tracks[:1], tmp_path / "b", mix_share=0.0)
    assert Path(every["path"][1]).read_bytes() == Path(few["path"][1]).read_bytes()
    assert renditions.draw_alteration("x", 1, 0, 1.0, ["x"]).other is None


def test_mixed_tracks_are_train_tracks_at_their_level(tmp_path):
    tracks = tracks_of(tmp_path)
    table, alterations = renditions.plan_renditions(
        tracks, DistillationSettings(mix_share=1.0, renditions=9), 0, tmp_path, "auto"
    )
    own = dict(zip(table["path"], table["track"]))
    others = {path: alteration.other for path, alteration in alterations.items()}
    assert set(others.values()) == set(tracks["path"][:3]) and all(own[path] != other for path, other in others.items())
    song, other = (audio_files.music(seconds, RATE, 1, seed=5)[:, 0] for seconds in (2.0, 0.7))
    both = renditions.mixed(song, other[::-1].copy(), -6.0)
    added = both - song
    assert 20 * np.log10(added.std() / song.std()) == pytest.approx(-6, abs=0.3)  # the mean is nearly 0


@pytest.mark.parametrize(("tempo", "semitones"), [(0.85, 2.0), (1.18, -2.0), (1.0, 0.0)])
def test_altered_sine_has_its_pitch_and_length(tempo, semitones):
    sine = audio_files.tone(440, 3.0, RATE)[:, 0]
    found = renditions.altered(sine, RATE, renditions.Alteration(tempo, semitones, (0.0,) * 6, None, 0.0))
    assert len(found) / RATE == pytest.approx(3.0 / tempo, abs=0.1)
    spectrum = np.abs(np.fft.rfft(found * np.hanning(len(found))))
    assert spectrum.argmax() * RATE / len(found) == pytest.approx(440 * 2 ** (semitones / 12), rel=3e-3)


def test_long_track_is_learnt_from_its_middle(tmp_path):
    path = str(tmp_path / "long.wav")
    ramp = np.linspace(0, 0.9, 10 * RATE).astype("float32")
    audio_files.write_sound(path, ramp, RATE)
    part = renditions.middle(path, 4.0, "auto")
    np.testing.assert_allclose(decode(part, RATE).samples, ramp[3 * RATE : 7 * RATE], atol=1e-4)
    assert renditions.middle(path, 10.0, "auto") == path


# --- targets, loss, agreement ---------------------------------------------------------------------


def test_crop_target_is_linear_between_the_teachers_slices():
    starts = np.array([0.0, 29.0, 36.0])
    answers = TrackAnswers(65.0, starts, np.float32([[0], [1], [5]]), np.float32([[0.0], [0.5], [1.0]]))
    targets = CropTargets([answers], 29.0, 6.0)
    for position in (0.0, 0.1, 0.5, 0.72, 0.9, 1.0):
        middle = position * 59 + 3
        expected = [np.interp(middle, starts + 14.5, column) for column in ((0, 1, 5), (0, 0.5, 1))]
        np.testing.assert_allclose(targets(0, position), expected, atol=1e-6)
    short = CropTargets(
        [TrackAnswers(2.0, np.zeros(1), np.ones((1, 1), "float32"), np.zeros((1, 1), "float32"))], 29.0, 6.0
    )
    np.testing.assert_array_equal(short(0, 0.7), [1, 0])


@pytest.mark.parametrize("task", ["multi", "single"])
def test_loss_equals_that_of_numpy_and_survives_saving(task):
    rng = np.random.default_rng(0)
    embeddings, wanted = rng.standard_normal((2, 7, 5)).astype("float32")
    logits = rng.standard_normal((7, 3)).astype("float32")
    truth = rng.dirichlet((1, 1, 1), 7).astype("float32")
    probabilities = make_task(task, "abc").probabilities(logits)
    expected = ((embeddings - wanted) ** 2).mean() + 0.3 * cross_entropy(truth, probabilities, task == "multi")
    targets, outputs = np.concatenate([wanted, truth], 1), np.concatenate([embeddings, logits], 1)
    loss = DistillationLoss(5, task, 0.3)
    for each in (loss, DistillationLoss.from_config(loss.get_config())):
        assert float(each(targets, outputs)) == pytest.approx(expected, rel=1e-5)
    metric = ExplainedShare(5)
    metric.update_state(targets, outputs)
    assert float(metric.result()) == pytest.approx(1 - ((embeddings - wanted) ** 2).mean(), rel=1e-5)


def test_network_has_a_linear_embedding_of_a_given_size(tmp_path):
    settings = ModelSettings.compose(
        {"arch": "convconvpool", "image_height": 40, "image_width": 40, "embedding_size": 6}
    )
    model = build_model(settings, 3)
    assert model.get_layer("embedding").output.shape == (None, 6)
    model.save(tmp_path / "model.keras")
    assert load_model(tmp_path / "model.keras").get_layer("embedding").units == 6
    assert keras.Model(model.input, model.get_layer("embedding").output).output.shape == (None, 6)


def test_agreement_equals_that_of_scikit_learn_and_scipy():
    rng = np.random.default_rng(1)
    truth, noise = rng.standard_normal((2, 30, 4))
    found = truth + 0.5 * noise
    np.testing.assert_allclose(explained(truth, found), r2_score(truth, found, multioutput="raw_values"))
    expected = r2_score(truth, found, multioutput="variance_weighted")
    assert explained_together(truth, found) == pytest.approx(expected)
    assert np.isnan(explained_together(np.ones((2, 1)), np.ones((2, 1))))
    expected = [pearsonr(one, other).statistic for one, other in zip(truth.T, found.T)]
    np.testing.assert_allclose(correlations(truth, found), expected)
    expected = [one @ other / np.sqrt(one @ one) / np.sqrt(other @ other) for one, other in zip(truth, found)]
    np.testing.assert_allclose(cosines(truth, found), expected)
    assert (
        np.isnan(correlations(np.ones((3, 1)), np.ones((3, 1)))).all()
        and cosines(np.zeros((1, 2)), np.ones((1, 2))) == 0
    )
    whole = agreement(Answers(truth, truth), Answers(found, found))
    assert whole["difference"] == pytest.approx(0.5 * np.abs(noise).mean())
    groups = np.repeat(np.arange(10), 3)
    bounds = intervals(Answers(truth, truth), Answers(found, found), groups)
    assert all(low <= whole[name] <= high for name, (low, high) in bounds.items())
    single = intervals(Answers(truth, truth), Answers(found, found), np.arange(30))
    assert bounds["cosine"] != single["cosine"]
    assert intervals(Answers(truth, truth), Answers(found, found), np.zeros(30))["r2"] is None
