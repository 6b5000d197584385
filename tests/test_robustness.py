"""Robustness: the alterations are what they claim, and the model is asked as the evaluation asks it."""

import numpy as np
import pytest
from audio_files import music, write_sound
from libraries import LevelModel
from recorded_progress import RecordedProgress

from kgenre.audio.mp3 import encode_mp3, through_mp3
from kgenre.evaluation import alterations
from kgenre.evaluation.robustness import MOST_SECONDS, ROWS, ask_altered, compared, stratified
from kgenre.model.tasks.multi_label import MultiLabel
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.reporting.section import LeftOut, Options, Output
from kgenre.reporting.sections import robustness
from kgenre.reporting.subject import Subject
from kgenre.serving.catalogue import open_model

RATE = 44100
NAMES = [(row.kind, row.name) for row in ROWS]


def noise(seconds: float, rate: int = RATE, level: float = 0.05) -> np.ndarray:
    """White noise whose peaks leave room for other noise: nothing is turned down."""
    return (level * np.random.default_rng(7).standard_normal(round(seconds * rate))).astype("float32")


def db(power) -> float:
    return float(10 * np.log10(np.mean(power)))


def band_db(samples: np.ndarray, rate: int, low: float, high: float) -> float:
    hz = np.fft.rfftfreq(len(samples), 1 / rate)
    return db(np.abs(np.fft.rfft(samples))[(hz >= low) & (hz < high)] ** 2)


def peak_hz(samples: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()])


@pytest.mark.parametrize("kbit", [320, 192, 128, 64, 32])
def test_through_mp3_keeps_length_and_time(kbit):
    samples = music(3.0, RATE, 1)[:, 0]
    coded = through_mp3(samples, RATE, kbit)
    assert coded.shape == samples.shape and coded.dtype == np.float32
    lag = np.fft.irfft(np.fft.rfft(coded) * np.conj(np.fft.rfft(samples))).argmax()
    assert lag == 0
    # A constant bit rate: the file's size tells it, but for a frame or two and the tag.
    assert len(encode_mp3(samples, RATE, kbit)) * 8 / 3.0 / 1000 == pytest.approx(kbit, rel=0.05)


def test_through_mp3_low_rates_lose_what_is_high():
    samples = noise(3.0)
    coded = {kbit: through_mp3(samples, RATE, kbit) for kbit in (320, 64, 32)}
    lost = {
        kbit: band_db(samples, RATE, 12000, 16000) - band_db(one, RATE, 12000, 16000) for kbit, one in coded.items()
    }
    # LAME's low pass of one channel at 44.1 kHz: 10 kHz for 32 kbit/s, 17 kHz for 64, 20 kHz for 320 (measured).
    assert lost[320] < 1 and lost[64] < 6 and lost[32] > 40
    assert abs(band_db(samples, RATE, 200, 5000) - band_db(coded[32], RATE, 200, 5000)) < 3


@pytest.mark.parametrize("snr_db", [30, 20, 10, 0])
@pytest.mark.parametrize("alter", [alterations.white_noise, alterations.pink_noise])
def test_noise_has_the_stated_snr(alter, snr_db):
    samples = noise(4.0)
    added = alter(samples, RATE, np.random.default_rng(1), snr_db) - samples
    assert db(samples.astype("float64") ** 2) - db(added.astype("float64") ** 2) == pytest.approx(snr_db, abs=0.01)


def test_noise_white_is_flat_and_pink_falls_by_3_db_an_octave():
    silence = np.full(8 * RATE, 1e-3, "float32")
    for alter, slope in ((alterations.white_noise, 0.0), (alterations.pink_noise, -3.01)):
        added = alter(silence, RATE, np.random.default_rng(1), 0) - silence
        octaves = [band_db(added, RATE, low, 2 * low) for low in (500, 1000, 2000, 4000, 8000)]
        # 0.2 dB: the power of a band of 4000 bins varies by 1.6 %.
        assert np.diff(octaves) == pytest.approx([slope] * 4, abs=0.2)


def test_noise_over_full_scale_is_turned_down_not_clipped():
    loud = 0.9 * np.sign(noise(1.0))
    altered = alterations.white_noise(loud, RATE, np.random.default_rng(1), 0)
    assert np.abs(altered).max() == pytest.approx(1.0) and (np.abs(altered) > 0.999).sum() < 5


@pytest.mark.parametrize("factor", [0.9, 0.95, 1.05, 1.1])
def test_speed_changes_length_and_pitch_by_its_factor(factor):
    tone = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(4 * RATE) / RATE)).astype("float32")
    altered = alterations.speed(tone, RATE, None, factor)
    assert len(altered) == pytest.approx(len(tone) / factor, abs=2)
    assert peak_hz(altered, RATE) == pytest.approx(1000 * factor, abs=0.5)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_tempo_changes_length_and_leaves_pitch(factor):
    tone = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(4 * RATE) / RATE)).astype("float32")
    altered = alterations.tempo(tone, RATE, None, factor)
    assert len(altered) == pytest.approx(len(tone) / factor, abs=0.1 * RATE)  # atempo ends with a whole piece
    assert peak_hz(altered, RATE) == pytest.approx(1000, abs=2)


def test_middle_cut_and_gain_are_exact():
    samples = np.arange(1000, dtype="float32") / 1000
    assert alterations.middle_cut(samples, 100, None, 3).tolist() == samples[350:650].tolist()
    assert alterations.middle_cut(samples, 100, None, 60).tolist() == samples.tolist()
    assert alterations.gain(samples, 100, None, -20.0) == pytest.approx(samples / 10)


def test_stratified_takes_of_each_its_share():
    strata = np.repeat([0, 1, 2], [60, 30, 10])
    chosen = stratified(strata, 20, seed=3)
    assert np.bincount(strata[chosen]) == pytest.approx([12, 6, 2], abs=1) and len(set(chosen)) == 20
    assert chosen.tolist() == stratified(strata, 20, seed=3).tolist() != stratified(strata, 20, seed=4).tolist()
    assert stratified(strata, 500, seed=3).tolist() == list(range(100))


def test_compared_difference_has_the_interval_of_a_share():
    rng = np.random.default_rng(0)
    task, truth = SingleLabel(("a", "b")), rng.integers(0, 2, 400)
    right = np.eye(2)[truth]
    lost = rng.random(400) < 0.2  # of the tracks, wrong when altered
    altered = np.where(lost[:, None], 1 - right, right)
    plain, same, worse = compared(task, truth, np.stack([right, right, altered]), np.arange(400).astype(object))
    assert plain["score"] == 1 and plain["difference"] is None
    assert same["difference"] == 0 and same["difference_interval_95"] == [0, 0] and same["same"] == 1
    share = lost.mean()
    half = 1.96 * np.sqrt(share * (1 - share) / 400)
    assert worse["difference"] == pytest.approx(-share) and worse["same"] == pytest.approx(1 - share)
    # 0.01: the binomial's steps, and 1000 resamples.
    assert worse["difference_interval_95"] == pytest.approx([-share - half, -share + half], abs=0.01)


def test_compared_draws_whole_groups():
    truth = np.zeros(40, int)
    right = np.tile([1.0, 0.0], (40, 1))
    altered = right.copy()
    altered[:20] = [0.0, 1.0]  # all songs of one artist
    groups = np.repeat(["x", "y"], 20).astype(object)
    found = compared(SingleLabel(("a", "b")), truth, np.stack([right, altered]), groups)
    assert found[1]["difference_interval_95"] == [-1, 0]  # both artists may be drawn twice


def test_compared_several_genres_uses_the_mean_average_precision():
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(2)
    targets = (rng.random((50, 3)) < 0.4).astype("float32")
    answers = rng.random((2, 50, 3)).astype("float32")
    found = compared(MultiLabel(("a", "b", "c")), targets, answers, np.arange(50).astype(object))
    expected = [average_precision_score(targets, one, average="macro") for one in answers]
    assert [one["score"] for one in found] == pytest.approx(expected)


@pytest.fixture(scope="module")
def asked(run):
    """The model of a run, its tracks, and its answers to them altered."""
    model, paths = open_model(run.folder), list(run.load_tracks()["path"][:4])
    return model, paths, ask_altered(model, paths, seed=5)


def test_ask_altered_untouched_is_what_the_evaluation_predicts(asked):
    model, paths, answers = asked
    expected = [model.predict(path).probabilities for path in paths]
    # 1e-5: batches of other sizes round otherwise.
    assert answers.probabilities[0] == pytest.approx(np.stack(expected), abs=1e-5)
    assert answers.used.tolist() == [0, 1, 2, 3] and not answers.failures
    assert answers.probabilities.sum(axis=2) == pytest.approx(np.ones((len(ROWS), 4)), abs=1e-4)


def test_ask_altered_noise_changes_answers_and_quiet_coding_does_not(asked):
    change = np.abs(asked[2].probabilities - asked[2].probabilities[0]).max(axis=(1, 2))
    assert change[NAMES.index(("white noise", "0 dB SNR"))] > 0.05
    assert change[NAMES.index(("MP3", "320 kbit/s"))] < 0.05


def test_ask_altered_same_seed_gives_the_same(asked):
    model, paths, answers = asked
    assert np.array_equal(ask_altered(model, paths, seed=5, workers=1).probabilities, answers.probabilities)
    other = ask_altered(model, paths[:1], seed=6).probabilities
    row = NAMES.index(("white noise", "10 dB SNR"))
    assert not np.array_equal(other[row], answers.probabilities[row, :1])


def test_ask_altered_long_track_gives_its_middle_and_broken_one_its_cause(tmp_path):
    # 40 s more than is asked for: loud but for the 60 s in the middle.
    samples = np.full((round((MOST_SECONDS + 40) * 8000), 1), 0.8, "float32")
    samples[20 * 8000 : -20 * 8000] = 0.1
    write_sound(tmp_path / "long.wav", samples, 8000)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    paths, progress = [str(tmp_path / "broken.wav"), str(tmp_path / "long.wav")], RecordedProgress()
    answers = ask_altered(LevelModel(), paths, progress=progress)
    assert answers.used.tolist() == [1] and list(answers.failures) == paths[:1]
    assert answers.probabilities[0, 0, 0] == pytest.approx(0.1, abs=1e-3)
    assert answers.probabilities[NAMES.index(("level", "-20 dB")), 0, 0] == pytest.approx(0.01, abs=1e-3)
    assert progress.tasks == [("robustness", 2, [1, 1])]


def subject_of(run, tmp_path) -> tuple[Subject, Output]:
    from kgenre.evaluation.evaluate import evaluate_named
    from kgenre.evaluation.predictions import read_predictions
    from kgenre.reporting.subject import evaluated_track

    tracks = {}
    keep = lambda prediction: tracks.__setitem__(prediction.path, evaluated_track(prediction))  # noqa: E731
    evaluate_named(run.folder, None, "all", tmp_path, 2, 0.1, keep=keep)
    subject = Subject(
        "run", run.folder, "kgenre report", read_predictions(tmp_path), tracks, open_model(run.folder), run
    )
    return subject, Output(tmp_path, Options(robustness_tracks=6))


def test_section_writes_table_and_figure_of_a_sample(run, tmp_path):
    import pandas as pd

    subject, output = subject_of(run, tmp_path)
    html = robustness.make(subject, output)
    table = pd.read_csv(tmp_path / "robustness.csv")
    assert len(table) == len(ROWS) and (tmp_path / "robustness.png").is_file()
    assert html.count("<tr>") == len(ROWS) + 1 and "of 6 tracks" in html
    numbers = stratified(subject.task.strata(subject.targets), 6, 0)
    assert table["score"][0] == pytest.approx(subject.right[numbers].mean())
    low, high = table["difference_low"][1:], table["difference_high"][1:]
    assert ((low <= table["difference"][1:] + 1e-9) & (table["difference"][1:] <= high + 1e-9)).all()


def test_section_without_audio_or_wish_is_left_out(run, tmp_path):
    import dataclasses

    subject, output = subject_of(run, tmp_path)
    none = Output(tmp_path, Options(robustness_tracks=0))
    for one, out, reason in (
        (subject, none, "--robustness-tracks 0"),
        (dataclasses.replace(subject, model=None), output, "needs a model"),
        (dataclasses.replace(subject, tracks={}), output, "needs a model"),
    ):
        with pytest.raises(LeftOut, match=reason):
            robustness.make(one, out)


def test_section_of_spectrograms_is_left_out(spectrograms, run, tmp_path):
    import dataclasses

    from kgenre.serving.saved_model import SavedModel

    subject, output = subject_of(run, tmp_path)
    with pytest.raises(LeftOut, match="the tracks are spectrograms"):
        robustness.make(dataclasses.replace(subject, model=SavedModel(spectrograms.folder)), output)
