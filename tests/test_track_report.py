"""The page of one song, and the excerpts of a report: what is in them, and that Chromium shows and plays them."""

import base64
import io
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from audio_files import music, tone, write_sound
from chromium import new_tab, opened, until
from libraries import DoubtingModel, LevelModel

from kgenre import report as command
from kgenre.audio.decode import decode
from kgenre.audio.facts import TrackFacts
from kgenre.audio.policy import DEFAULT_POLICY
from kgenre.audio.slicing import repeat_to_length
from kgenre.collections.tables import COLUMNS as TABLE_COLUMNS
from kgenre.core.errors import KgenreError
from kgenre.embeddings.files import read_embeddings
from kgenre.model.aggregate import SliceOutputs
from kgenre.model.tasks.multi_label import MultiLabel
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.reporting.build import Asked, report
from kgenre.reporting.excerpts import RATE, add_excerpts, deciding_start, excerpt_url, most_confident_mistakes
from kgenre.reporting.nearest import FILE, TrainTracks
from kgenre.reporting.section import LeftOut, Options
from kgenre.reporting.song_figures import clock, heat_figure, song_figure
from kgenre.reporting.song_spectrogram import BANDS, COLUMNS, LOWEST_HZ, song_spectrogram
from kgenre.reporting.song_spectrogram import RATE as SPECTROGRAM_RATE
from kgenre.reporting.track import write_track_pages
from kgenre.reporting.track_files import MARK, page_paths
from kgenre.serving.catalogue import open_model
from kgenre.serving.occlusion import Cells, Heat, heat_map
from kgenre.serving.predict import TrackPrediction

NO_RUN = LeftOut("not a run")
SOUND = re.compile(r"data:audio/mpeg;base64,([\w+/=]+)")


@pytest.fixture(scope="module")
def song(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("song") / "a & <b>$.wav"
    write_sound(path, music(7.0, 22050, 1), 22050)
    return path


@pytest.fixture(scope="module")
def page(run, collection, tmp_path_factory) -> Path:
    """The page of a track that the run was not trained on."""
    tracks = run.load_tracks()
    other = tracks.loc[tracks["split"] != "train", "path"].iloc[0]
    out = tmp_path_factory.mktemp("pages") / "page.html"
    assert command.main(["--model", str(run.folder), "--track", other, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def report_page(run, tmp_path_factory) -> Path:
    """A report in which half of the tracks are wrong, for their genres were turned."""
    folder = tmp_path_factory.mktemp("report")
    tracks = run.load_tracks()
    turned = dict(zip(sorted(set(tracks["genre"])), np.roll(sorted(set(tracks["genre"])), 1)))
    genres = [turned[genre] if i % 2 else genre for i, genre in enumerate(tracks["genre"])]
    pd.DataFrame({"path": tracks["path"], "genre": genres}).to_csv(folder / "manifest.csv", index=False)
    asked = Asked(run.folder, str(folder / "manifest.csv"), "all", folder / "report.html")
    return report(asked, "kgenre report", Options(robustness_tracks=0))


def sounds(html: str) -> list[bytes]:
    return [base64.b64decode(data) for data in SOUND.findall(html)]


def write_page(model, path, out: Path, **options) -> str:
    assert write_track_pages(model, {str(path): out}, "kgenre report", DEFAULT_POLICY, NO_RUN, **options) == {}
    return out.read_text()


def test_excerpt_is_the_sound_of_its_place(song):
    url = excerpt_url(str(song), 2.0, 1.5)
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(url.partition(",")[2])), dtype="float32")
    expected = decode(str(song), RATE, 2.0, 1.5).samples
    assert rate == RATE and samples.shape == expected.shape
    assert np.corrcoef(samples, expected)[0, 1] > 0.99  # 64 kbit/s of one channel
    assert len(base64.b64decode(excerpt_url(str(song), 0.0, 60.0).partition(",")[2])) < 50_000  # 6 s at most


def test_report_has_the_sound_of_its_most_confident_mistakes(report_page):
    html = report_page.read_text()
    wrong = pd.read_csv(report_page.with_suffix("") / "predictions.csv")
    labels = list(wrong.columns[-3:])
    wrong = wrong[
        wrong[labels].to_numpy().argmax(axis=1) != [labels.index(f"genre:{genre}") for genre in wrong["genre"]]
    ]
    assert 0 < len(wrong) <= 20 and len(sounds(html)) == len(wrong)
    assert {len(soundfile.read(io.BytesIO(sound))[0]) for sound in sounds(html)} == {round(1.5 * RATE)}
    assert len(html) < 2_000_000


def test_report_without_audio_says_so(run, tmp_path):
    tracks = run.load_tracks()
    pd.DataFrame({"path": tracks["path"], "genre": np.roll(tracks["genre"], 6)}).to_csv(tmp_path / "m.csv", index=False)
    asked = Asked(run.folder, str(tmp_path / "m.csv"), "all", tmp_path / "report.html")
    html = report(asked, "kgenre report", Options(audio=False, robustness_tracks=0)).read_text()
    assert not sounds(html) and "<dt>Excerpts</dt><dd>--no-audio</dd>" in html


def test_excerpts_of_files_that_are_gone_are_left_out_with_a_line(run, song, tmp_path):
    from kgenre.evaluation.predictions import Predictions
    from kgenre.reporting.section import Output
    from kgenre.reporting.subject import EvaluatedTrack, Subject

    rows = pd.DataFrame({"path": [str(song), "/gone.wav"], "genre": ["a", "a"]}).reindex(
        columns=TABLE_COLUMNS, fill_value=""
    )
    probabilities = np.array([[0.1, 0.9], [0.2, 0.8]], "float32")
    tracks = {path: EvaluatedTrack(7.0, np.array([0.0]), probabilities[:1], np.zeros(3)) for path in rows["path"]}
    metrics = {"accuracy": 0.0, "tracks": 2}
    predictions = Predictions(rows, probabilities, SingleLabel(("a", "b")), metrics)
    output = Output(tmp_path, Options(robustness_tracks=0))
    with pytest.raises(LeftOut, match="1 of 2 audio files cannot be read any more"):
        add_excerpts(Subject("model", tmp_path, "", predictions, tracks, open_model(run.folder)), output)
    assert list(output.excerpts) == [0]


def test_most_confident_mistakes_come_in_order_and_deciding_slice_is_the_surest():
    from kgenre.evaluation.predictions import Predictions
    from kgenre.reporting.subject import EvaluatedTrack, Subject

    rows = pd.DataFrame({"path": list("wxyz"), "genre": ["a", "a", "b", "b"]})
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4], [0.8, 0.2]], "float32")
    slices = np.array([[0.5, 0.5], [0.1, 0.9], [0.2, 0.8]], "float32")
    tracks = {name: EvaluatedTrack(6.0, np.array([0.0, 2.0, 4.0]), slices, np.zeros(3)) for name in "wxy"}
    predictions = Predictions(rows, probabilities, SingleLabel(("a", "b")), {})
    subject = Subject("model", Path(), "", predictions, tracks)
    assert most_confident_mistakes(subject) == [1, 2]  # z has no slices
    assert [deciding_start(subject, number) for number in (1, 2)] == [2.0, 0.0]


def test_song_spectrogram_has_a_tone_in_its_band_and_time(tmp_path):
    samples = tone(1000.0, 6.0, SPECTROGRAM_RATE)
    samples[: 3 * SPECTROGRAM_RATE] = tone(200.0, 3.0, SPECTROGRAM_RATE)
    write_sound(tmp_path / "tone.wav", samples, SPECTROGRAM_RATE)
    shown = song_spectrogram(str(tmp_path / "tone.wav"), 6.0)
    edges = np.geomspace(LOWEST_HZ, SPECTROGRAM_RATE / 2, BANDS + 1)
    loudest, middle = shown.argmax(axis=0), shown.shape[1] // 2
    for columns, hz in ((loudest[: middle - 3], 200.0), (loudest[middle + 3 :], 1000.0)):
        # A band either side: the lowest are narrower than a line of the transform, 5.4 Hz.
        assert np.abs(columns - (np.searchsorted(edges, hz) - 1)).max() <= 1
    assert shown.min() >= 0 and shown.max() == 1


def test_song_spectrogram_long_and_very_short_songs_have_few_columns(tmp_path):
    write_sound(tmp_path / "long.wav", music(300.0, 8000, 1), 8000)
    assert 0.5 * COLUMNS < song_spectrogram(str(tmp_path / "long.wav"), 300.0).shape[1] <= 1.5 * COLUMNS
    write_sound(tmp_path / "short.wav", music(0.15, 8000, 1), 8000)
    assert song_spectrogram(str(tmp_path / "short.wav"), 0.15).shape == (BANDS, 1)


@pytest.mark.parametrize("task", [SingleLabel(("a", "b", "c")), MultiLabel(("a", "b", "c"))], ids=["single", "multi"])
def test_song_figure_has_each_genre_at_its_height_and_time(task):
    by_slice = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], "float32")
    facts = TrackFacts(10.0, 0.5, -20.0, (0.0, 4.0))  # slices of 6 s: their middles are at 3 and 7 s
    prediction = TrackPrediction("song", facts, SliceOutputs(by_slice, np.zeros((2, 4))), task)
    axes = song_figure(prediction, None, 6.0, 0).axes[0]
    if task.several:
        drawn = {line.get_label(): line.get_xydata() for line in axes.lines}
        expected = {label: [[0, p], [5, p], [5, q], [10, q]] for label, p, q in zip("abc", *by_slice)}
    else:  # upper edges of areas, in the order of the means: a, c, b
        paths = {area.get_label(): area.get_paths()[0].vertices for area in axes.collections}
        drawn = {label: [corners[:, 0].max(), corners[:, 1].max()] for label, corners in paths.items()}
        expected = {"a": [10, 0.7], "c": [10, 0.8], "b": [10, 1.0]}
    assert set(drawn) == set(expected)
    for label in expected:
        assert np.asarray(drawn[label]) == pytest.approx(np.asarray(expected[label]), abs=1e-6)
    assert [clock(seconds) for seconds in (0, 59.9, 60, 3725)] == ["0:00", "0:59", "1:00", "62:05"]


def test_heat_figure_colours_what_is_lost_and_next_to_nothing_faintly():
    for largest, expected in ((0.5, 0.7), (0.01, 0.07)):
        heat = np.zeros((2, 10))
        heat[1, 3], heat[0, 0] = largest, -0.2  # a cell without which the genre is more probable has no colour
        spectrogram = np.zeros((64, 240), "uint8")
        axes = heat_figure(Heat(0.9, heat, np.array([0.0, 400.0, 3200.0]), spectrogram), 10.0, 5.0).axes[0]
        (cell,) = axes.patches
        assert cell.get_alpha() == pytest.approx(expected)
        # From 400 Hz, half-way between 50 and 3200 Hz, upwards; the fourth of ten parts of 0.5 s.
        assert cell.get_bbox().bounds == pytest.approx((11.5, 0.5, 0.5, 0.5))


def test_track_page_of_a_run_has_all_parts(run, page):
    html = page.read_text()
    found = re.findall(r"<h2>(.+)</h2>", html)
    assert found == ["Over time", "Genres", "What decided", "Nearest train tracks", "Left out"]
    path = re.search(r"<dt>file</dt><dd>(.+)</dd>", html)[1]
    prediction = open_model(run.folder).predict(path)
    assert f"<b>{prediction.genre}</b>" in html
    bars = re.search(r'aria-label="The probability of every genre">(.*?)</svg>', html, re.DOTALL)[1]
    for label, p in prediction.top(None).items():
        assert f">{label}<" in bars and f">{100 * p:.0f}<" in bars
    start = prediction.facts.starts[prediction.slices.probabilities.max(axis=1).argmax()]
    assert f"The slice from {clock(start)}" in html
    # Names of XML, which nothing is fetched from, are the only addresses.
    assert len(sounds(html)) == 1 and set(re.findall(r"\w+://([\w.]+)", html)) <= {"www.w3.org"}


def test_track_page_nearest_are_the_cosines_of_the_runs_own_embeddings(run, page):
    html = page.read_text()
    path = re.search(r"<dt>file</dt><dd>(.+)</dd>", html)[1]
    model, tracks = open_model(run.folder), run.load_tracks()
    train = tracks[tracks["split"] == "train"]
    own = model.predict(path).embedding
    others = {row.track_id: model.predict(row.path).embedding for row in train.itertuples()}
    cosine = {name: float(own @ e / np.linalg.norm(own) / np.linalg.norm(e)) for name, e in others.items()}
    expected = sorted(cosine, key=lambda name: -cosine[name])[:5]
    rows = re.findall(r"<tr><td>(.+?)</td><td>.*?</td><td>(.+?)</td><td class=\"number\">(.+?)</td></tr>", html)
    assert [name for name, _, _ in rows] == expected
    assert [float(shown) for *_, shown in rows] == pytest.approx([cosine[name] for name in expected], abs=1e-3)
    assert [genre for _, genre, _ in rows] == [train.set_index("track_id")["genre"][name] for name in expected]


def test_train_tracks_are_kept_for_the_same_model_and_computed_again_for_another(run, page):
    model, path = open_model(run.folder), run / FILE
    before = path.stat().st_mtime_ns
    own = TrainTracks(model, run.folder)
    assert path.stat().st_mtime_ns == before
    first = own.table["path"][0]
    assert own.holds(first) and first not in [one.path for one in own.nearest(first, own.vectors[0])]
    model.identity = "another"
    TrainTracks(model, run.folder)
    assert read_embeddings(path, slices=False).header["identity"] == "another"
    path.write_bytes(b"broken")
    TrainTracks(open_model(run.folder), run.folder)
    assert read_embeddings(path, slices=False).header["identity"] == open_model(run.folder).identity


def test_track_page_of_a_song_that_was_trained_on_says_so(run, page, tmp_path):
    tracks = run.load_tracks()
    path = tracks.loc[tracks["split"] == "train", "path"].iloc[0]
    model = open_model(run.folder)
    train = TrainTracks(model, run.folder)
    write_track_pages(model, {path: tmp_path / "page.html"}, "kgenre report", DEFAULT_POLICY, train)
    assert "The model was trained on this song" in (tmp_path / "page.html").read_text()
    assert "The model was trained on this song" not in page.read_text()


def test_track_page_of_the_default_model_has_tags_and_no_train_tracks(song, tmp_path):
    html = write_page(open_model("default"), song, tmp_path / "page.html")
    assert "<h2>Tags</h2>" in html and "<h2>Nearest train tracks</h2>" not in html
    assert "a &amp; &lt;b&gt;$.wav" in html and "<b>$" not in html


def test_track_page_of_an_unsure_model_says_unsure(tmp_path):
    write_sound(tmp_path / "half.wav", tone(440.0, 3.0, 8000, 0.5), 8000)
    html = write_page(DoubtingModel(), tmp_path / "half.wav", tmp_path / "page.html", audio=False)
    assert "<b>unsure</b>" in html and not sounds(html) and "<dt>Sound</dt><dd>--no-audio</dd>" in html


def test_track_page_of_spectrograms_leaves_out_what_needs_sound(spectrograms, tmp_path):
    from kgenre.serving.saved_model import SavedModel

    model = SavedModel(spectrograms.folder)
    np.save(tmp_path / "song.npy", np.random.default_rng(0).random((model.slice_spec.bins, 77), "float32"))
    html = write_page(model, tmp_path / "song.npy", tmp_path / "page.html")
    assert not sounds(html) and "<dt>What decided</dt>" in html and "<h2>Over time</h2>" in html


def test_track_pages_unreadable_song_is_listed_and_the_others_are_written(song, tmp_path, capsys):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    files, out = [str(tmp_path / "broken.wav"), str(song)], tmp_path / "pages"
    assert command.main(["--model", "default", "--no-audio", "--track", *files, "--out", str(out)]) == 1
    assert [path.name for path in out.iterdir()] == ["a & <b>$.html"]
    assert "broken.wav" in capsys.readouterr().err


def test_report_of_songs_and_data_is_refused(song, capsys):
    assert command.main(["--model", "default", "--data", "demo", "--track", str(song)]) == 2
    assert "--track names songs, --data a collection" in capsys.readouterr().err


def test_page_paths_are_told_apart_and_spare_what_is_not_ours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert page_paths(["x/song.mp3"]) == {"x/song.mp3": Path("song.html")}
    pages = page_paths(["x/song.mp3", "y/song.mp3"], tmp_path / "new")
    assert [page.name for page in pages.values()] == ["song.html", "song-2.html"] and (tmp_path / "new").is_dir()
    with pytest.raises(KgenreError, match=r"--out must be a folder where there are 2 songs. Received: page\.html"):
        page_paths(["a.mp3", "b.mp3"], Path("page.html"))
    Path("song.html").write_text("<p>mine</p>")
    with pytest.raises(KgenreError, match=r"song\.html: exists, and kgenre did not write it"):
        page_paths(["x/song.mp3"])
    Path("song.html").write_text(f"<p></p>{MARK}")
    assert page_paths(["x/song.mp3"]) == {"x/song.mp3": Path("song.html")}


def test_page_of_a_song_may_be_written_again(song, tmp_path):
    for _ in range(2):
        pages = page_paths([str(song)], tmp_path)
        write_track_pages(LevelModel(), pages, "kgenre report", DEFAULT_POLICY, NO_RUN, audio=False)


@pytest.mark.soak
def test_occlusion_hottest_cells_lower_the_class_more_than_random_ones(collection):
    """Deletion: 10 % of the cells are silenced, the hottest or any; of composed songs, by the default model."""
    model, rng, lost = open_model("default"), np.random.default_rng(0), []
    spec = model.slice_spec
    for path in sorted(collection.glob("*/*-000.*")) + sorted(collection.glob("*/*-001.*")):
        samples = repeat_to_length(
            decode(str(path), spec.sample_rate, 0.0, spec.slice_seconds).samples, spec.slice_samples
        )
        whole = model(samples[None]).probabilities[0]
        label, cells = int(whole.argmax()), Cells(samples, spec.sample_rate)
        heat = heat_map(model, samples, spec.sample_rate, label).heat
        n = heat.size // 10
        order = [np.argsort(-heat.ravel())] + [rng.permutation(heat.size) for _ in range(10)]
        masks = [np.isin(np.arange(heat.size), one[:n]).reshape(heat.shape) for one in order]
        answers = model(np.stack([cells.without(mask) for mask in masks])).probabilities[:, label]
        lost.append((whole[label] - answers[0], (whole[label] - answers[1:]).mean()))
    hottest, random = np.mean(lost, axis=0)
    print(f"lost: hottest {hottest:.3f}, random {random:.3f}, of {len(lost)} songs")
    assert hottest > random + 0.1


@pytest.mark.parametrize(
    ("width", "dark"),
    [
        (1200, False),
        (390, True),
        *(pytest.param(*case, marks=pytest.mark.soak) for case in ((1200, True), (390, False))),
    ],
)
def test_song_page_in_chromium_plays_and_fits_without_a_network(browser, page, width, dark):
    with new_tab(browser) as tab:
        said, asked_for = watch(tab)
        tab.set_viewport_size({"width": width, "height": 800})
        tab.emulate_media(color_scheme="dark" if dark else "light")
        opened(tab, page.as_uri())
        assert tab.get_attribute("html", "data-theme") == ("dark" if dark else "light")
        tab.evaluate("document.querySelector('audio').play()")
        until(tab, "document.querySelector('audio').currentTime > 0.1")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        tab.click("#theme")
        assert tab.get_attribute("html", "data-theme") == ("light" if dark else "dark")
        keep_screenshot(tab, f"song-{width}-{'light' if dark else 'dark'}")
        assert said == [] and asked_for == [page.as_uri()]


def test_report_in_chromium_plays_the_excerpt_of_a_mistake(browser, report_page):
    with new_tab(browser) as tab:
        said, asked_for = watch(tab)
        opened(tab, report_page.as_uri())
        # The sections have buttons for their tracks; here, one for the first track that has a sound.
        tab.evaluate(
            """() => {
              const button = document.createElement("button"), number = data.tracks.findIndex((track) => track.sound);
              Object.assign(button.dataset, { tracks: String(number), title: "a mistake" });
              document.querySelector("main").append(button);
              button.click();
            }"""
        )
        assert re.search(r"from \d+:\d\d", tab.inner_text("#tracks"))
        tab.evaluate("document.querySelector('#tracks audio').play()")
        until(tab, "document.querySelector('#tracks audio').currentTime > 0.1")
        keep_screenshot(tab, "excerpt")
        assert said == [] and asked_for == [report_page.as_uri()]


def watch(tab) -> tuple[list[str], list[str]]:
    """What the page's console says, and the addresses that it asks for, but for data in the page."""
    said, asked_for = [], []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("request", lambda request: request.url.startswith("data:") or asked_for.append(request.url))
    return said, asked_for


def keep_screenshot(tab, name: str) -> None:
    """For people, into the folder that KGENRE_SCREENSHOTS names."""
    if folder := os.environ.get("KGENRE_SCREENSHOTS"):
        tab.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
