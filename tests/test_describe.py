"""The description of a collection: its numbers, its text, and its page in a real browser."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from audio_files import music, write_av, write_sound
from libraries import LevelModel

from kgenre import datasets
from kgenre.collections import load_collection
from kgenre.collections.settings import CollectionOptions
from kgenre.collections.splits import Collection
from kgenre.collections.tables import COLUMNS
from kgenre.inspection import run
from kgenre.inspection.description import describe
from kgenre.inspection.files import file_facts
from kgenre.inspection.page import description_page
from kgenre.inspection.picture import COLOURS
from kgenre.inspection.scatter import Scatter, lay_out, sample_rows
from kgenre.inspection.text import description_text

EVIL = "<img src=x onerror='window.pwned=1'><script>window.pwned=1</script>"


def tracks(rows: list[dict]) -> pd.DataFrame:
    table = pd.DataFrame(rows).reindex(columns=COLUMNS).astype("string").fillna("")
    table["genres"] = table["genres"].where(table["genres"] != "", table["genre"])
    return table


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Path:
    """A manifest of files of several formats, a copy of one across splits, and two that cannot be read."""
    folder = tmp_path_factory.mktemp("real")
    write_sound(folder / "a.flac", music(3.0, 22050, 1), 22050)
    write_sound(folder / "b.ogg", music(2.0, 44100, 2, 1), 44100)
    write_sound(folder / "c.wav", music(4.0, 22050, 1, 2), 22050)
    write_av(folder / "d.m4a", music(2.0, 44100, 2, 3), 44100, "aac")
    shutil.copy(folder / "a.flac", folder / "copy.flac")
    (folder / "broken.mp3").write_bytes(b"no music")
    flac = (folder / "a.flac").read_bytes()
    (folder / "cut.flac").write_bytes(flac[:8000] + bytes(len(flac) // 50))  # its header is whole
    rows = [
        ("a.flac", "rock", "train", "Ann", "One"),
        ("b.ogg", "rock", "train", "Ann", "Two"),
        ("c.wav", "jazz", "train", "Bob", ""),
        ("copy.flac", "jazz", "test", "ANN", "one"),
        ("d.m4a", "rock", "test", "", ""),
        ("broken.mp3", "rock", "valid", "Cy", ""),
        ("gone.wav", "jazz", "valid", "Bob", "Three"),
    ]
    columns = ["path", "genre", "split", "artist", "album"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"


@pytest.fixture
def level_model(monkeypatch) -> LevelModel:
    model = LevelModel()
    monkeypatch.setattr("kgenre.serving.catalogue.open_model", lambda name: model)
    return model


def test_describe_real_files_gives_their_numbers(real):
    collection = load_collection(str(real), options=CollectionOptions(allow_leak=True))
    found = describe(collection, file_facts(collection.table["path"].tolist(), 2))
    genres = found.genres.set_index("genre")
    assert genres.index.tolist() == ["rock", "jazz"] and dict(found.tracks) == {"train": 3, "valid": 2, "test": 2}
    columns = ["train", "valid", "test", "tracks", "artists", "albums"]
    assert genres.loc["rock", columns].tolist() == [2, 1, 1, 4, 2, 2]
    assert genres.loc["jazz", columns].tolist() == [1, 1, 1, 3, 2, 2]
    assert genres.loc["rock", "minutes"] * 60 == pytest.approx(7.0, abs=0.1)  # AAC pads to whole frames
    assert genres.loc["jazz", "minutes"] * 60 == pytest.approx(7.0, abs=1e-3)
    assert found.lengths["max"] == pytest.approx(4) and found.lengths["median"] == pytest.approx(3)
    assert found.formats["sample rate"] == {"22050 Hz": 3, "44100 Hz": 2}
    assert found.formats["channels"] == {"mono": 3, "stereo": 2}
    assert found.formats["format"] == {"flac pcm_16": 2, "ogg vorbis": 1, "wav pcm_16": 1, "mov aac": 1}
    overlaps = found.overlaps.set_index("splits")
    assert overlaps.loc["test in train"].tolist() == [2, 1, 1, 1]  # tracks, same file, artist, album
    valid = overlaps.loc["valid in train"]
    assert valid["same artist"] == 1 and valid["same album"] == 0 and np.isnan(valid["same file"])  # both unreadable
    assert found.unknown == {"artist": 1, "album": 3}
    names = {Path(path).name: cause for path, cause in found.unreadable.items()}
    assert set(names) == {"broken.mp3", "gone.wav"} and "No such file" in names["gone.wav"]
    assert "50.0% of the tracks have an artist" in found.sentences["valid"]


def test_file_facts_of_a_whole_header_before_broken_audio_names_the_cause(real):
    facts = file_facts([str(real.parent / "cut.flac"), str(real.parent / "a.flac")], 1)
    assert facts["cause"].tolist()[0] and facts["cause"].tolist()[1] == ""


def test_describe_several_genres_a_track_counts_labels_and_pairs():
    genres = ["rock|punk", "rock|punk|live", "rock", "jazz|live", "jazz"]
    table = tracks([{"path": f"/{i}", "genres": text, "split": "train"} for i, text in enumerate(genres)])
    found = describe(Collection("several", table, "given", "multi"))
    assert found.genres.set_index("genre")["tracks"].to_dict() == {"rock": 3, "jazz": 2, "live": 2, "punk": 2}
    assert found.labels_per_track == {1: 2, 2: 2, 3: 1}
    assert found.together.to_numpy().tolist()[0] == ["punk", "rock", 2, 1.0]
    assert ["jazz", "live", 1, 0.5] in found.together.to_numpy().tolist() and len(found.together) == 4
    text = description_text(found)
    assert "genres a track: 1 (2), 2 (2), 3 (1)" in text and "punk + rock" in text and "several genres a track" in text
    assert "punk + rock" in description_page(found) and "length" not in text  # no files were read


def test_sample_rows_is_drawn_by_the_seed_in_the_order_of_the_table():
    table = tracks([{"path": f"/{i:03}", "genre": "a"} for i in range(50)])
    some = sample_rows(table, 10, 1)
    assert len(some) == 10 and some["path"].is_monotonic_increasing and some.equals(sample_rows(table, 10, 1))
    assert not some.equals(sample_rows(table, 10, 2)) and len(sample_rows(table, 50)) == 50


def test_lay_out_does_not_depend_on_the_unit_of_a_column():
    rng = np.random.default_rng(0)
    kind = np.arange(60) % 3
    vectors = np.concatenate([4.0 * np.eye(3)[kind] + rng.normal(0, 0.3, (60, 3)), np.ones((60, 1))], axis=1)
    table = tracks([{"path": f"/{i}", "genre": "a"} for i in range(60)])
    drawn = lay_out(table, vectors * [1, 1000, 1e-3, 1], "vectors", 60)
    np.testing.assert_allclose(drawn.positions, lay_out(table, vectors, "vectors", 60).positions, atol=1e-3)
    middles = np.stack([drawn.positions[kind == one].mean(axis=0) for one in range(3)])
    assert (np.linalg.norm(drawn.positions[:, None] - middles, axis=2).argmin(axis=1) == kind).all()


def test_describe_command_writes_text_and_page_and_continues(real, tmp_path, monkeypatch, capsys):
    from kgenre.baselines import statistics

    out = ["--vectors", str(tmp_path), "--out", str(tmp_path / "d.html")]
    arguments = [str(real), "--describe", *out, "--workers", "1"]
    assert datasets.main(arguments) == 0
    text = capsys.readouterr().out
    assert "7 tracks (3 train, 2 valid, 2 test), 2 genres, one genre a track" in text
    assert "protocol: split given by the manifest" in text and "files that cannot be read: 2" in text
    assert re.search(r"^rock +2 +1 +1 +4 +2 +2 +0\.1$", text, re.M)
    assert re.search(r"^test in train +2 +1 \(50\.0%\) +1 \(50\.0%\) +1 \(50\.0%\)$", text, re.M)
    page = (tmp_path / "d.html").read_text(encoding="utf-8")
    assert "5 tracks by t-SNE of 518 statistics" not in page and "A sample of 5 of 7 tracks by t-SNE" in page
    monkeypatch.setattr(statistics, "track_statistics", None)  # whose call would fail
    assert datasets.main(arguments) == 0 and (tmp_path / "d.html").read_text(encoding="utf-8") == page


def test_describe_command_draws_a_sample_and_says_so(collection, level_model, tmp_path, capsys):
    page = tmp_path / "page.html"
    arguments = [str(collection / "manifest.csv"), "--describe", "--model", "level", "--vectors", str(tmp_path)]
    assert datasets.main([*arguments, "--sample", "9", "--out", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "A sample of 9 of 18 tracks by t-SNE of mean embedding of level" in text and text.count('class="point') == 9
    assert datasets.main([*arguments, "--sample", "0", "--out", str(page)]) == 0
    assert "t-SNE" not in page.read_text(encoding="utf-8") and "Tracks by genre" in page.read_text(encoding="utf-8")


# In a browser.


@pytest.fixture(scope="module")
def page_file(tmp_path_factory) -> Path:
    """A page of 15 genres, one of them evil, whose map is a grid."""
    genres = [EVIL, *(f"genre {i:02}" for i in range(14))]
    rows = [
        {"path": f"/music/{i}.mp3", "genre": genres[i % 15], "split": ("train", "valid", "test")[i % 3],
         "artist": EVIL if i % 15 == 0 else f"Artist {i}", "album": "Album", "track_id": f"track {i}"}
        for i in range(150)
    ]  # fmt: skip
    table = tracks(rows)
    facts = pd.DataFrame({
        "path": table["path"], "seconds": 30.0, "sample_rate": 44100, "channels": 2, "format": "mp3",
        "bytes": 1, "hash": table["path"], "cause": ["", *["broken " + EVIL] * 2, *[""] * 147],
    })  # fmt: skip
    found = describe(Collection(EVIL, table, "protocol", "single"), facts)
    grid = np.stack([np.arange(150) % 15, np.arange(150) // 15], axis=1).astype("float32")
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(description_page(found, Scatter(table, grid, "vectors", 150)), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, page_file):
    """Opens the page; the test fails at a message of the console, an error, or a request other than for the page."""
    windows, faults = [], []

    def open_page(width: int = 1100, scheme: str = "light", **options):
        window = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme, **options)
        window.on("console", lambda message: faults.append(message.text))
        window.on("pageerror", lambda error: faults.append(str(error)))
        window.on("request", lambda request: request.url == page_file.as_uri() or faults.append(request.url))
        windows.append(window)
        window.goto(page_file.as_uri())
        return window

    yield open_page
    for window in windows:
        assert not window.evaluate("'pwned' in window")
        window.close()
    assert not faults


@pytest.mark.parametrize(("width", "scheme"), [(1100, "light"), (1100, "dark"), (360, "light")])
def test_page_fits_its_window_and_follows_the_scheme(opened, width, scheme):
    window = opened(width, scheme)
    assert window.evaluate("document.documentElement.scrollWidth") <= width
    style = "getComputedStyle(document.body)"
    back, text = window.evaluate(f"[{style}.backgroundColor, {style}.color]")
    lightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (back, text)]
    assert (lightness[0] > 600 > 300 > lightness[1]) == (scheme == "light")
    assert window.locator("tbody tr").count() == 15 + 3 and window.locator("#map .point").count() == 150
    assert window.locator("h1").inner_text() == EVIL
    assert window.locator("section:last-of-type li").first.inner_text() == f"/music/1.mp3: broken {EVIL}"


def test_page_bars_are_as_long_as_the_tracks_of_each_split(opened):
    window = opened()
    cells = "[...document.querySelectorAll('td.bar')]"
    widths = window.evaluate(f"{cells}.map(c => [...c.querySelectorAll('rect')].map(r => +r.getAttribute('width')))")
    cells = window.evaluate(f"{cells}.map(c => [...c.parentNode.cells].slice(2, 5).map(d => +d.innerText))")
    for bar, counts in zip(widths, cells):
        assert bar == pytest.approx([100 * count / 10 for count in counts if count], abs=0.01) and sum(counts) == 10


def test_page_hover_tap_and_keys_show_which_track_a_point_is(opened):
    window = opened()
    tip, points = window.locator("#tip"), window.locator("#map .point")
    assert tip.is_hidden()
    points.nth(16).hover()
    assert tip.inner_text() == "track 16\nArtist 16 - Album\ngenre 00 (valid)"
    points.nth(15).hover()
    assert EVIL in tip.inner_text()
    window.mouse.move(2, 2)
    assert tip.is_hidden()
    window.locator("#map > svg").focus()
    window.keyboard.press("ArrowRight")
    assert tip.inner_text().startswith("track 0\n")
    window.keyboard.press("ArrowLeft")
    assert tip.inner_text().startswith("track 149\n")
    window.keyboard.press("Escape")
    assert tip.is_hidden()
    phone = opened(360, has_touch=True)
    phone.locator("#map .point").nth(60).tap()
    assert "track" in phone.locator("#tip").inner_text()
    frame, box = phone.locator("#map").bounding_box(), phone.locator("#tip").bounding_box()
    assert box["x"] >= frame["x"] and box["x"] + box["width"] <= frame["x"] + frame["width"] + 1


def test_page_legend_shows_chosen_genres_and_one_entry_for_the_rest(opened):
    window = opened()
    buttons = window.locator("#legend button")
    assert buttons.count() == COLOURS + 1 and buttons.last.inner_text().split() == "3 other genres 30".split()
    buttons.first.click()
    assert buttons.first.get_attribute("aria-pressed") == "true"
    opacity = window.evaluate("[...document.querySelectorAll('#map .point')].map(c => +getComputedStyle(c).opacity)")
    assert sum(value == 1 for value in opacity) == 10 and sum(value < 0.2 for value in opacity) == 140
    buttons.first.click()
    assert window.locator("#map.chosen").count() == 0


def test_page_without_scripts_has_a_title_on_each_point(browser, page_file):
    window = browser.new_page(java_script_enabled=False)
    window.goto(page_file.as_uri())
    assert "track 7\nArtist 7 - Album\n" in window.locator("#map .point title").nth(7).text_content()
    window.close()


def test_page_on_paper_is_light_and_without_hints_for_a_screen(opened):
    window = opened(scheme="dark")
    window.emulate_media(media="print", color_scheme="dark")
    assert window.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 251, 250)"
    assert window.locator(".screen").is_hidden()


def test_describe_and_duplicates_of_spectrograms_read_their_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    mel = rng.integers(0, 200, (24, 16, 64)).astype("uint8")
    mel[5] = mel[0]  # the same values in another split
    mel[7, :, :-4], mel[7, :, -4:] = mel[1, :, 4:] // 2, 0  # later, and half as large
    split = np.array(["train", "valid", "test"])[np.arange(24) // 5 % 3]
    genre = np.array(["rock", "jazz", "folk"])[np.arange(24) % 3]
    np.savez(
        tmp_path / "a.npz", mel=mel, genre=genre, split=split, artist=np.arange(24).astype(str), frames_per_second=4.0
    )
    collection = load_collection(str(tmp_path / "a.npz"), options=CollectionOptions(allow_leak=True))
    found, scatter = run.describe_collection(collection)
    assert found.lengths["median"] == 16.0 and found.unreadable == {}
    assert found.formats == {"format": {"npz of uint8, 16 bins, 64 frames": 24}}
    assert scatter is not None
    assert "npz of uint8" in description_text(found) and "npz of uint8" in description_page(found, scatter)
    monkeypatch.setenv("HOME", str(tmp_path))
    home = load_collection("spectrograms:~/a.npz", options=CollectionOptions(allow_leak=True))
    assert run.describe_collection(home, sample=0)[0].lengths == found.lengths  # of its frames a second
    pairs, failures = run.collection_duplicates(collection)
    assert failures == {} and len(pairs) == 2 and pairs["leak"].all()
    assert set(pairs["kind"]) == {"exact", "near"}
