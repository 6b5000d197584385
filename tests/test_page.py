"""The page: its server closed to everything but the page, and the page in a real browser."""

import asyncio
import base64
import csv
import io
import json
import re
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
from audio_files import music, write_sound
from chromium import drag, fingers, opened, tab_to, until, wait_in
from libraries import LABELS, LevelModel, make_library, retrained

import kgenre.web.explore
from kgenre import explore
from kgenre.core.errors import KgenreError
from kgenre.library.head import Prediction, load_head, predict
from kgenre.library.map.update import update_map
from kgenre.library.records import Track, TrackAnalysis
from kgenre.library.store import Library
from kgenre.model.tasks import chosen_labels
from kgenre.model.tasks.multi_label import MultiLabel
from kgenre.web.explore import head_plan
from kgenre.web.explore import payload as payload_module
from kgenre.web.explore.corrections import tagged
from kgenre.web.explore.explorer import Explorer
from kgenre.web.explore.offline import page_html
from kgenre.web.explore.payload import payload
from kgenre.web.guard import Guard, listen, script_hash

httpx = pytest.importorskip("httpx", reason="httpx is not installed")

EVIL = "<img src=x onerror='window.pwned=1'><script>window.pwned=1</script>"
TRACKS = 120


SERVED_MODEL = "LoudModel"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a library of invented tracks, and three real files that it holds: an ogg, an aiff, an evil one."""
    folder = tmp_path_factory.mktemp("music")
    with make_library(folder / "library.sqlite", TRACKS, root=str(folder)) as library:
        space = library.space()
        for name, title in {"song.ogg": "Real Song", "song.aiff": "Unplayable", "evil.ogg": EVIL}.items():
            write_sound(folder / name, music(7.0, 22050, 1), 22050)
            digest = name.ljust(16).encode()
            path = bytes(folder / name)
            about = {"title": title, "artist": EVIL, "album": EVIL, "genre": EVIL, "year": 1999, "seconds": 7.0}
            library.save([Track(path, 1, 1, digest, digest, **about)])
            probabilities = np.eye(len(LABELS))[[3, 3, 3]] * [[0.5], [0.9], [0.6]] + 0.01  # the second slice decides
            library.save_analysis(
                space, digest, TrackAnalysis(np.array([0.0, 2.0, 4.0]), 2.0 * np.eye(3, 16), probabilities)
            )
        update_map(library, space)
    return folder


@pytest.fixture(scope="module")
def client(server):
    with httpx.Client(base_url=server, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def token(client) -> dict[str, str]:
    return {"X-Kgenre-Token": re.search('kgenre-token" content="([^"]+)"', client.get("/").text)[1]}


def track_id(place, name: str) -> int:
    with Library(place / "library.sqlite") as library:
        return library.id_of(place / name)


PAGE_FILES = ("/", "/page/app.js", "/shared/dom.js")
READ = (
    *PAGE_FILES, "/data", "/tag-table", "/track/1", "/neighbours/1", "/path/1/2", "/cover/1", "/audio/1", "/changes",
)  # fmt: skip


@pytest.mark.parametrize("path", READ)
def test_guard_request_of_another_page_is_refused(client, server, path):
    answer = client.get(path)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers
    for headers in (
        {"Host": "evil.example"},
        {"Host": f"evil.example:{server.rsplit(':', 1)[1]}"},  # DNS rebinding
        {"Host": "127.0.0.1:1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        refused = client.get(path, headers=headers)
        assert refused.status_code == 403, headers
        assert set(refused.json()) == {"error"}


def test_guard_link_from_another_site_opens_the_page_alone(client):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=headers).status_code == 200
    assert client.get("/data", headers=headers).status_code == 403


CHANGES = {
    "/playlist": {"ids": [1], "kind": "csv"},
    "/corrections": {"ids": [1], "genre": "evil"},
    "/head/preview": {"use_tags": True},
    "/head/retrain": {"plan": 1},
    "/head/undo": {},
    "/tags/preview": {"ids": [1]},
    "/tags/write": {"ids": [1]},
    "/tags/undo": {},
    "/refinement": {"paused": True},
}


@pytest.mark.parametrize("path", CHANGES)
def test_guard_post_without_token_or_length_changes_nothing(client, server, token, path, place):
    for headers in ({}, {"X-Kgenre-Token": "guess"}, {"X-Kgenre-Token": "é".encode()}, {**token, "Origin": "http://evil.example"},
                    {**token, "Host": "evil.example"}, {**token, "Sec-Fetch-Site": "cross-site"}):  # fmt: skip
        assert client.post(path, json=CHANGES[path], headers=headers).status_code == 403
    chunked = client.post(path, content=iter([b"{}"]), headers=token)
    assert chunked.status_code == 403 and "length" in chunked.json()["error"]
    with Library(place / "library.sqlite") as library:
        assert "evil" not in library.corrections().values()


@pytest.mark.parametrize(
    "path",
    ["/page/../server.py", "/page/..%2fserver.py", "/page/%2e%2e/server.py", "/page/..%5cserver.py",
     "/shared/..%2fguard.py", "/shared/../guard.py", "/shared/types.d.ts", "/shared//etc/passwd",
     "/page//etc/passwd", "/page/index.html", "/page/core/types.d.ts", "/page/core/../../server.py",
     "/audio/../../../etc/passwd", "/audio/..%2f..%2f..%2fetc%2fpasswd", "/audio/%2fetc%2fpasswd",
     "/cover/..%2flibrary.sqlite", "/audio/1%00", "/library.sqlite", "/docs", "/openapi.json"],
)  # fmt: skip
def test_server_path_outside_page_files_is_not_found(client, path):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", client.base_url.port)  # httpx would tidy the path
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status in (403, 404, 422)
    text = answer.read().decode()
    assert "root:" not in text and "import" not in text and "SQLite" not in text


@pytest.mark.parametrize("bad", ["-1", "0", "99999", str(2**31), str(2**63), str(10**30), "1.5", "one", "1e3"])
@pytest.mark.parametrize(
    "path", ["/track/{}", "/audio/{}", "/excerpt/{}", "/cover/{}", "/neighbours/{}", "/path/1/{}", "/heat-map/{}/0"]
)
def test_server_id_out_of_range_is_a_client_error(client, path, bad):
    answer = client.get(path.format(bad))
    assert 400 <= answer.status_code < 500
    assert "Traceback" not in answer.text


def test_server_value_out_of_range_is_a_client_error(client, token, place):
    song = track_id(place, "song.ogg")
    for path in (f"/heat-map/{song}/99", f"/heat-map/{song}/-1", f"/excerpt/{song}?seconds=1e9",
                 f"/excerpt/{song}?start=nan", "/neighbours/1?n=0", "/neighbours/1?n=100000", "/path/1/2?n=1",
                 "/path/1/1"):  # fmt: skip
        assert client.get(path).status_code == 400, path
    for ids in ([], [99999], [-1], [2**70], ["one"], "1"):
        assert client.post("/playlist", json={"ids": ids, "kind": "m3u8"}, headers=token).status_code in (400, 422), ids
    for genre in ("x" * 81, "\u0000", "a\u200bb"):
        assert client.post("/corrections", json={"ids": [1], "genre": genre}, headers=token).status_code == 400
    assert client.post("/playlist", json={"ids": [1], "kind": "../x"}, headers=token).status_code == 400
    assert client.post("/corrections", content=b"{broken", headers=token).status_code == 422


def test_audio_range_request_is_streamed_and_unplayable_format_is_decoded(client, place):
    song, unplayable = track_id(place, "song.ogg"), track_id(place, "song.aiff")
    data = (place / "song.ogg").read_bytes()
    part = client.get(f"/audio/{song}", headers={"Range": "bytes=1000-1999"})
    assert part.status_code == 206 and part.content == data[1000:2000]
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(data)}"
    assert client.get(f"/audio/{song}", headers={"Range": "bytes=99999999-"}).status_code == 416
    assert client.get(f"/audio/{unplayable}").status_code == 415
    assert client.get(f"/excerpt/{unplayable}?start=2&seconds=1").content[:4] == b"RIFF"
    assert client.get("/audio/1").status_code == 404  # the invented tracks have no files
    assert client.get("/track/1").status_code == 200


def test_neighbours_and_path_of_a_track_are_ordered_and_unique(client, place):
    song = track_id(place, "song.ogg")
    near = client.get(f"/neighbours/{song}?n=5").json()
    assert [one for one, _ in near] != [] and song not in [one for one, _ in near]
    distances = [distance for _, distance in near]
    assert distances == sorted(distances) and distances[0] == pytest.approx(0, abs=1e-3)  # the evil one is its twin
    assert client.get(f"/neighbours/{song}?n=5&max_distance=0.01").json() == [one for one in near if one[1] <= 0.01]
    path = client.get(f"/path/{song}/1?n=6").json()
    assert (path[0], path[-1], len(set(path))) == (song, 1, 6)


def test_tags_preview_write_undo_restores_the_file(client, token, place):
    import mutagen

    song = track_id(place, "song.ogg")
    before = (place / "song.ogg").read_bytes()
    plan = client.post("/tags/preview", json={"ids": [song]}, headers=token).json()
    assert plan["changes"] == []  # the library knows a genre tag of it
    wanted = {"ids": [song], "overwrite": True}
    plan = client.post("/tags/preview", json=wanted, headers=token).json()
    assert plan["changes"] == [[str(place / "song.ogg"), "genre", "", "jazz"]] and not plan["undo"]
    assert (place / "song.ogg").read_bytes() == before
    stale = client.post("/tags/write", json=wanted | {"plan": "of other answers"}, headers=token)
    assert stale.status_code == 400 and "has changed since it was shown" in stale.text
    assert (place / "song.ogg").read_bytes() == before
    written = {"files": 1, "recordings": 1, "tags": [[song, "jazz"]], "failures": [], "undo": True}
    some = client.post("/tags/preview", json=wanted | {"ids": [song, 99999]}, headers=token).json()
    assert some == plan | {"skipped": 1} and plan["skipped"] == 0
    assert client.post("/tags/write", json=wanted | {"plan": plan["plan"]}, headers=token).json() == written
    assert mutagen.File(place / "song.ogg")["genre"] == ["jazz"]
    undone = {"files": 1, "recordings": 1, "tags": [[song, ""]], "failures": [], "undo": False}
    assert client.post("/tags/undo", json={}, headers=token).json() == undone
    assert "genre" not in mutagen.File(place / "song.ogg")
    assert client.post("/tags/undo", json={}, headers=token).status_code == 400


def test_guard_of_another_app_has_its_own_limit_and_scripts():
    """Nothing in the guard is of the map: another app brings its inline scripts and the size of its uploads."""

    def answer(body: bytes, **settings):
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"fine"})

        guard = Guard(app, "secret", 80, **settings)
        transport, headers = httpx.ASGITransport(guard), {"Host": "127.0.0.1:80", "X-Kgenre-Token": "secret"}

        async def post():
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:80") as client:
                return await client.post("/upload", content=body, headers=headers)

        return asyncio.run(post())

    assert answer(bytes(100), max_request_bytes=100).status_code == 200
    assert answer(bytes(101), max_request_bytes=100).status_code == 403
    policy = answer(b"", inline_scripts=["let a;"]).headers["content-security-policy"]
    assert f"script-src 'self' {script_hash('let a;')};" in policy
    assert answer(bytes(4 << 20)).status_code == 200 and answer(bytes((4 << 20) + 1)).status_code == 403


def test_listen_taken_port_raises_with_the_option_to_change():
    with listen(0) as taken:
        assert taken.getsockname()[0] == "127.0.0.1"
        with pytest.raises(KgenreError, match="--port"):
            listen(taken.getsockname()[1])


def test_listen_connections_are_sent_to_at_once():
    """By asyncio, which turns Nagle's algorithm off; with it an answer waits 40 ms for the client's acknowledgement."""

    async def is_off(listening) -> int:
        found = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(lambda _, writer: found.set_result(writer), sock=listening)
        _, writer = await asyncio.open_connection(*listening.getsockname())
        off = (await found).get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()
        server.close()
        return off

    with listen(0) as listening:
        assert asyncio.run(is_off(listening)) == 1


def test_listen_two_waiting_servers_get_different_ports():
    with listen(None) as first, listen(None) as second:
        assert first.getsockname()[1] != second.getsockname()[1]


def test_correct_known_genre_is_stored_in_the_spelling_in_use(tmp_path):
    with make_library(tmp_path / "library.sqlite", 30) as library:
        explorer = Explorer(library, library.space())
        ids = explorer.ids.tolist()
        assert explorer.correct(ids[:2], " Hip  Hop ") == "hip-hop" and explorer.correct(ids[2:3], "JAZZ") == "jazz"
        assert explorer.correct(ids[3:4], "Dub Techno") == explorer.correct(ids[4:5], "dub techno") == "Dub Techno"
        assert explorer.correct(ids[5:6], "???") == "???" and explorer.correct(ids[:1], None) is None
        assert library.corrections() == dict(zip(ids[1:6], ("hip-hop", "jazz", "Dub Techno", "Dub Techno", "???")))
        known = tagged(library.tracks()["genre"], (*LABELS, "???"))
        assert "???" not in known.values() and set(known.values()) <= set(LABELS)


def test_data_retraining_while_a_tab_loads_leaves_no_old_genres(tmp_path, monkeypatch):
    """A tab that is loaded while genres are learnt anew does not leave the old ones to the next."""
    with make_library(tmp_path / "library.sqlite", 60) as library:
        explorer = Explorer(library, library.space())
        explorer.correct(explorer.ids[:20].tolist(), "bebop")
        slow, real = [], payload_module.payload

        def page(*arguments):
            found = real(*arguments)
            if not slow:
                slow.append(retrained(explorer))  # in the middle of the first tab's loading
            return found

        monkeypatch.setattr(payload_module, "payload", page)
        first, second = json.loads(explorer.data()), json.loads(explorer.data())
        assert not first["heads"] and "bebop" not in first["labels"]
        assert second["heads"] == [20] and "bebop" in second["labels"] and second["ids"] == slow[0]["ids"]


def test_head_plan_preview_changes_nothing_and_undo_restores_the_head_before_bit_by_bit(tmp_path):
    with make_library(tmp_path / "library.sqlite", 120) as library:
        space = library.space()
        explorer, ids = Explorer(library, space), library.tracks().index.tolist()

        def state() -> tuple:
            genres, used = explorer.genres, load_head(library, space)
            return genres.prediction.probabilities.tobytes(), genres.learned_from, used and used.kernel.tobytes()

        states = [state()]
        for number, genre in ((3, "bebop"), (7, "jazz")):
            explorer.correct(ids[:number], genre)
            plan = head_plan.preview(explorer, False)
            assert state() == states[-1]
            head_plan.apply(explorer, plan["plan"])
            after = explorer.genres.prediction
            assert {track for track, *_ in plan["changes"]} == changed(states[-1][0], after)
            assert plan["changes"][0][0] in ids[:number], "the corrected tracks are listed first"
            states.append(state())
        assert [learned_from for _, learned_from, _ in states] == [[], [3], [3, 7]]
        for before in states[1::-1]:
            head_plan.undo(explorer)
            assert state() == before
            assert Explorer(library, space).genres.prediction.probabilities.tobytes() == before[0]
        with Library(tmp_path / "library.sqlite") as untouched:
            assert predict(untouched, space, None).probabilities.tobytes() == states[0][0]


def changed(before: bytes, after: Prediction) -> set[int]:
    """The tracks whose genre differs; `before` are probabilities of the genres of `after`, or of the first of them."""
    old = np.frombuffer(before, "float32").reshape(len(after.ids), -1)
    return set(after.ids[old.argmax(axis=1) != after.probabilities.argmax(axis=1)].tolist())


def test_head_plan_of_other_corrections_is_refused(tmp_path):
    with make_library(tmp_path / "library.sqlite", 60) as library:
        explorer = Explorer(library, library.space())
        ids = explorer.ids.tolist()
        explorer.correct(ids[:2], "bebop")
        first, second = (head_plan.preview(explorer, False)["plan"] for _ in range(2))
        with pytest.raises(KgenreError, match="Retrain again"):
            head_plan.apply(explorer, first)
        plan = head_plan.preview(explorer, False)["plan"]
        explorer.correct(ids[2:3], "bebop")
        with pytest.raises(KgenreError, match="Retrain again"):
            head_plan.apply(explorer, plan)
        assert explorer.genres.heads == () and second < plan


def test_explore_folder_of_music_becomes_an_offline_page(songs, tmp_path, monkeypatch, capsys):
    music_folder = tmp_path / "Music"
    music_folder.mkdir()
    for name in ("song.ogg", "22k.mp3", "mono.wav"):
        shutil.copy(songs[name], music_folder)
    (music_folder / "broken.mp3").write_bytes(b"no music")
    monkeypatch.setattr("kgenre.serving.catalogue.open_model", lambda name, runtime: LevelModel())
    arguments = [
        str(music_folder),
        "--library",
        str(tmp_path / "l.sqlite"),
        "--out",
        str(tmp_path / "map.html"),
        "--workers",
        "1",
    ]
    assert explore.main(arguments) == 1  # one file failed
    said = capsys.readouterr()
    assert "3 analysed" in said.err and "1 failed" in said.err and "broken.mp3" in said.err and "map.html" in said.out
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert '"ids":' in page and str(tmp_path) not in page and "broken.mp3" not in page
    assert explore.main(arguments) == 0
    assert "4 unchanged" in capsys.readouterr().err
    assert explore.main([str(tmp_path / "nowhere"), "--no-browser"]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert explore.main([str(music_folder / "song.ogg"), "--no-browser"]) == 2
    assert "is a file. Name a folder of music." in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert explore.main([str(tmp_path / "empty"), "--no-browser"]) == 2
    assert "holds no audio files" in capsys.readouterr().err and not list((tmp_path / "empty").iterdir())


def test_explore_without_windows_repeats_the_last_choice(songs, tmp_path, monkeypatch, capsys):
    (tmp_path / "Music").mkdir()
    for name in ("song.ogg", "mono.wav"):
        shutil.copy(songs[name], tmp_path / "Music")
    (tmp_path / "Music" / "broken.mp3").write_bytes(b"no music")
    monkeypatch.setattr("kgenre.serving.catalogue.open_model", lambda name, runtime: LevelModel())

    def explored(*flags: str) -> str:
        explore.main([str(tmp_path / "Music"), "--scan-only", *flags])
        return capsys.readouterr().err

    assert "level, first 8 slices, then all slices of each track" in explored()
    assert "first 8 slices, then all" in explored() and "3 unchanged" in explored()
    assert "level, all slices of each track" in (said := explored("--slices-per-track", "all")) and "3 unch" in said
    assert "first 8 slices" not in explored()
    said = explored("--slices-per-track", "1")
    assert "2 analysed" in said and "level, at most 1 slice of each track" in said
    said = explored()
    assert "at most 1 slice of each track" in said and "3 unchanged" in said
    assert "1 of the unchanged files failed before; --retry tries them again" in said
    said = explored("--slices-per-track", "1200")
    assert "level, at most 1200 slices of each track" in said and "2 analysed" in said
    explored("--slices-per-track", "all")
    said = explored("--decoder", "ffmpeg")
    assert "level, all slices of each track, read by ffmpeg" in said and "2 analysed" in said
    assert "read by ffmpeg" in explored()
    with pytest.raises(SystemExit):
        explored("--slices-per-track", "0")
    assert "are for the served page" in explored("--port", "1")


# In a browser.


def pixel_of(tab, row: int) -> tuple[float, float]:
    x, y = tab.evaluate(f"kgenre.map.view.toPixels(kgenre.tracks.x[{row}], kgenre.tracks.y[{row}])")
    box = tab.locator("#map").bounding_box()
    return box["x"] + x, box["y"] + y


def row_of(tab, place, name: str) -> int:
    return tab.evaluate(f"kgenre.tracks.rowOf.get({track_id(place, name)})")


def drag_round(tab, rows) -> None:
    """Draws a lasso, a box's outline, around rows."""
    places = np.array([pixel_of(tab, row) for row in rows])
    (left, top), (right, bottom) = places.min(axis=0) - 6, places.max(axis=0) + 6
    tab.mouse.move(left, top)
    tab.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top + 1)):
        tab.mouse.move(x, y, steps=3)
    tab.mouse.up()


def test_lasso_selected_tracks_become_a_playlist(server, tab, place):
    opened(tab, server)
    tab.click("#tool-lasso")
    album = tab.evaluate(
        "Array.from({length: kgenre.tracks.n}, (_, i) => i).filter((i) => kgenre.tracks.genre(i) === 'metal')"
    )
    drag_round(tab, album)
    selected = tab.evaluate("kgenre.state.selection")
    assert set(album) <= set(selected) and len(selected) < TRACKS
    grey = tab.evaluate(
        "Array.from({length: kgenre.tracks.n}, (_, i) => kgenre.map.points.colours.slice(4 * i, 4 * i + 3).join())"
    )
    outside = {grey[row] for row in range(len(grey)) if row not in selected}
    assert len(outside) == 1 and not outside & {grey[row] for row in selected}  # one grey, and all are still there
    with tab.expect_download() as download:
        tab.click("#save")
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert download.value.suggested_filename.endswith(".m3u8")
    assert lines[0] == "#EXTM3U" and len(lines) == 1 + 2 * len(selected)
    with Library(place / "library.sqlite") as library:
        paths = set(library.tracks()["path"])
    assert {line for line in lines if not line.startswith("#")} <= paths
    with tab.expect_download() as download:
        tab.click("#csv")
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    assert len(rows) == len(selected) and rows[0]["predicted"] in LABELS


def test_page_html_in_tags_is_shown_as_text(server, tab, place):
    opened(tab, server)
    row = row_of(tab, place, "evil.ogg")
    tab.fill("#search", "onerror")
    assert tab.inner_text("#hits").split() == ["3", "hits"]
    tab.evaluate(f"kgenre.map.show([{row}])")
    tab.mouse.move(*pixel_of(tab, row))
    tab.wait_for_selector("#card:not([hidden])")
    assert EVIL in tab.inner_text("#card")
    tab.mouse.down()
    tab.mouse.up()
    tab.wait_for_selector("#neighbours li")
    tab.keyboard.press("a")
    for colour in ("folder", "tag"):
        tab.select_option("#colouring", colour)
    assert EVIL in tab.inner_text("#panel") and EVIL in tab.inner_text("#legend")
    tab.keyboard.press("x")
    assert tab.evaluate("window.pwned") is None
    assert tab.locator("body script:not([src]), img[onerror]").count() == 0


@pytest.mark.parametrize("name", ["song.ogg", "song.aiff"])
def test_click_on_a_track_plays_the_deciding_slice(server, tab, place, name):
    opened(tab, server)
    row = row_of(tab, place, name)
    tab.fill("#search", "real" if name == "song.ogg" else "unplayable")  # its twins lie in the same place
    tab.mouse.click(*pixel_of(tab, row))
    tab.wait_for_selector("#play:has-text('Pause')")
    until(tab, "kgenre.sound.seconds > 0")
    state = tab.evaluate("""({ current: kgenre.state.current, slice: kgenre.state.slice, at: kgenre.sound.seconds,
        from: kgenre.state.playback.seconds })""")
    assert (state["current"], state["slice"]) == (row, 1)
    assert state["at"] >= 2.0 == state["from"]
    until(tab, "kgenre.sound.inside.deck.sounded")
    voice = tab.evaluate("kgenre.sound.inside.deck.voice.constructor.name")
    assert voice == ("FileVoice" if name == "song.ogg" else "PartVoice")
    tab.keyboard.press(" ")
    tab.wait_for_selector("#play:has-text('Play')")
    tab.keyboard.press("h")
    tab.wait_for_selector("canvas.heat")


def correct_album(tab, server, genre: str) -> list[int]:
    """Corrects all tracks of the blues albums to a genre, with the mouse: their rows."""
    opened(tab, server)
    tab.select_option("#colouring", "prediction")
    rows = tab.evaluate(
        "Array.from({length: kgenre.tracks.n}, (_, i) => i).filter((i) => kgenre.tracks.genre(i) === 'blues')"
    )
    tab.fill("#search", "blues/album")
    tab.keyboard.press("Escape")
    tab.keyboard.press("a")
    assert tab.evaluate("kgenre.state.selection") == rows
    assert tab.input_value("#search") == "blues/album"  # what is searched for stays to be seen
    tab.fill("#genre-all", genre)
    tab.click("#correct-all")
    tab.wait_for_selector("#retrain")
    return rows


def remove_corrections(tab) -> None:
    tab.click("#remove-corrections")
    until(tab, "kgenre.state.corrections.size === 0")


def test_retrain_preview_changes_nothing_apply_is_kept_and_undo_goes_back(server, tab):
    rows = correct_album(tab, server, "Delta blues")
    genres = "kgenre.tracks.ids.map((_, row) => kgenre.tracks.top[row * kgenre.tracks.genresPerTrack]).join()"
    before = tab.evaluate(genres)
    tab.click("#retrain")
    tab.wait_for_selector("#changed-genres")
    assert re.search(r"0\.0 % are right before, (100|9\d)\.\d % after", tab.inner_text("#accuracy"))
    assert tab.inner_text("#would-change") == f"{len(rows)} recordings would have another genre."
    assert tab.locator("#changed-genres tr").count() == len(rows)
    first = tab.locator("#changed-genres tr").first.inner_text()
    assert "corrected" in first and first.endswith("blues → Delta blues")
    assert tab.evaluate(genres) == before and "Delta blues" not in tab.inner_text("#legend")
    tab.click("#changed-genres button >> nth=2")  # shows the track; what is previewed stays pending
    until(tab, "kgenre.state.current === kgenre.tracks.rowOf.get(kgenre.state.retraining.changes[2][0])")
    assert not tab.evaluate("document.getElementById('dialog').open")
    tab.wait_for_selector("#corrections:has-text('would have another genre')")
    tab.click("#cancel-retraining")
    until(tab, "kgenre.state.retraining === null")
    assert tab.locator("#apply-retraining").count() == 0 and tab.evaluate("kgenre.state.heads.length") == 0
    tab.click("#retrain")
    tab.click("#apply-retraining-in-dialog")
    tab.wait_for_selector("#legend:has-text('Delta blues')")
    opened(tab, server)
    assert "Delta blues" in tab.inner_text("#legend")  # and it is kept
    assert "the genres of the original model" in tab.get_attribute("#undo-retraining", "title")
    tab.click("#undo-retraining")
    tab.wait_for_selector("#legend:not(:has-text('Delta blues'))")
    assert "original model" in tab.inner_text("#message") and tab.evaluate(genres) == before
    tab.fill("#search", "blues/album")
    tab.keyboard.press("Escape")
    tab.keyboard.press("a")
    remove_corrections(tab)


def test_retrain_by_keyboard_alone_and_undo_names_the_retraining_before(server, tab):
    rows = correct_album(tab, server, "Chicago")
    press = tab.keyboard.press
    tab.evaluate("document.activeElement.blur()")
    press("m")  # silence: that a recording has no file would be told over what is read
    for heads in (1, 2):
        press("r")
        tab.wait_for_selector("#would-change")
        tab_to(tab, "#apply-retraining-in-dialog")
        press("Tab")
        press("Tab")
        if heads == 1:  # the first of the list: to the map, and back to the list
            assert tab.evaluate("document.activeElement.closest('table').id") == "changed-genres"
            press("Enter")
            until(tab, "kgenre.state.current === kgenre.tracks.rowOf.get(kgenre.state.retraining.changes[0][0])")
            press("r")
            tab_to(tab, "#apply-retraining-in-dialog")
        else:
            tab_to(tab, "#apply-retraining-in-dialog")
        press("Enter")
        until(tab, f"kgenre.state.heads.length === {heads}")
    tab_to(tab, "#undo-retraining")
    press("Enter")
    until(tab, "kgenre.state.heads.length === 1")
    assert f"the retraining before, which learned from {len(rows)} recordings" in tab.inner_text("#message")
    assert "Chicago" in tab.inner_text("#legend")
    tab_to(tab, "#undo-retraining")
    press("Enter")
    until(tab, "kgenre.state.heads.length === 0")
    assert "Chicago" not in tab.inner_text("#legend")
    remove_corrections(tab)


def walked(tab, keys: str) -> list[int]:
    """The rows that are shown after each key."""
    met = []
    for key in keys:
        tab.keyboard.press(key)
        until(tab, "kgenre.state.neighboursOf === kgenre.state.current")
        met.append(tab.evaluate("kgenre.state.current"))
    return met


def test_keys_n_and_p_go_through_the_hits_or_the_nearest(server, tab):
    opened(tab, server)
    tab.click("#sound")  # silence
    tab.fill("#search", "söng 11")
    tab.keyboard.press("Escape")
    hits = tab.evaluate("Array.from(kgenre.state.hits.keys()).filter((row) => kgenre.state.hits[row])")
    assert walked(tab, "nnnp") == [hits[0], hits[1], hits[2], hits[1]] and len(hits) > 3
    tab.fill("#search", "")
    tab.keyboard.press("Escape")
    assert walked(tab, "n") == [hits[2]]  # the queue goes on, whatever is looked at
    tab.evaluate("kgenre.store.set({ queue: null })")
    near = tab.evaluate("kgenre.state.neighbours.map(([row]) => row)")
    assert walked(tab, "nnpp") == [near[0], near[1], near[0], hits[2]]


def test_neighbours_distance_without_tracks_can_be_raised_again(server, tab):
    opened(tab, f"{server}/#track=3")
    tab.wait_for_selector("#neighbours li")
    tab.fill("#max-distance", "0")
    tab.wait_for_selector("#neighbours:has-text('No recording is within this distance')")
    tab.focus("#max-distance")
    tab.keyboard.press("End")
    tab.wait_for_selector("#neighbours li")
    assert tab.evaluate("document.activeElement.id") == "max-distance"  # for the next press of a key


def test_covers_are_shown_where_few_tracks_have_room_and_fetched_then(server, tab):
    picture = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    fetched = []

    def answer(route):
        fetched.append(route.request.url)
        without = int(route.request.url.rsplit("/", 1)[1]) % 5 == 0
        route.fulfill(status=404) if without else route.fulfill(body=picture, content_type="image/png")

    tab.route("**/cover/*", answer)
    opened(tab, server)
    tab.evaluate("window.settled = 0; kgenre.map.whenSettled(() => { window.settled++; }); kgenre.map.fit()")
    until(tab, "window.settled > 0")
    assert fetched == []  # on the whole map there is no room
    tab.evaluate("kgenre.map.view.centre(kgenre.tracks.x[5], kgenre.tracks.y[5]); kgenre.map.view.zoom(300)")
    until(tab, "document.querySelectorAll('#covers img:not([hidden])').length")
    tab.wait_for_timeout(300)
    assert 1 <= len(fetched) <= 36
    assert tab.locator("#covers img:not([hidden])").count() == sum(
        int(url.rsplit("/", 1)[1]) % 5 > 0 for url in fetched
    )
    frame = "getComputedStyle(document.querySelector('#covers img')).borderColor"
    before = tab.evaluate(frame)
    tab.select_option("#colouring", "year")
    until(tab, f"{frame} !== {before!r}")  # in the colour of its point
    box = tab.locator("#covers img").first.bounding_box()
    center = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
    seen = tab.evaluate("[...kgenre.map.seen(0)]")
    assert min(np.abs(center - pixel_of(tab, row)).max() for row in seen) < 1.5
    tab.evaluate("kgenre.map.fit()")
    until(tab, "!document.querySelector('#covers img')")


def test_redraw_typed_text_stays_in_its_field(server, tab):
    opened(tab, f"{server}/#track=b&sel=1.2.3")
    tab.click("#sound")  # silence: that a recording has no file would be told over what is waited for
    tab.wait_for_selector("#neighbours li")
    assert "null" not in tab.inner_text("#panel") and "undefined" not in tab.inner_text("#panel")
    tab.keyboard.press("g")
    tab.keyboard.type("dad")
    tab.fill("#genre-all", "for all")
    tab.evaluate("kgenre.store.set({ genres: kgenre.state.genres + 1 })")  # all of the panel is drawn again
    until(tab, "document.activeElement.id === 'genre-all'")
    assert (tab.input_value("#genre"), tab.input_value("#genre-all")) == ("dad", "for all")
    tab.click("#neighbours li >> nth=0")
    until(tab, "kgenre.state.details && kgenre.state.current !== kgenre.tracks.rowOf.get(11)")
    assert (tab.input_value("#genre"), tab.input_value("#genre-all")) == (
        "",
        "for all",
    )  # the other was another track's
    before = tab.evaluate("kgenre.state.corrections.size")
    tab.fill("#genre-all", "")
    tab.fill("#genre", "Fado")
    tab.click("#correct")
    tab.wait_for_selector("text=1 recording corrected to Fado")
    assert tab.evaluate("kgenre.state.corrections.size") == before + 1  # not the selected ones
    tab.check("#use-tags")
    tab.keyboard.press("d")
    assert tab.is_checked("#use-tags")
    tab.click("#remove-correction")
    tab.wait_for_selector("text=Correction removed")
    assert tab.evaluate("kgenre.state.corrections.size") == before


def test_legend_double_click_shows_one_entry_then_all(server, tab):
    opened(tab, server)
    entries = tab.locator("#legend button").count()
    entry = tab.locator("#legend button").nth(1)
    entry.dblclick()
    assert tab.evaluate("kgenre.state.hidden.size") == entries - 1 and entry.get_attribute("aria-pressed") == "true"
    entry.dblclick()
    assert tab.evaluate("kgenre.state.hidden.size") == 0
    entry.click()
    assert tab.evaluate("[...kgenre.state.hidden]") == [1]


def test_folder_choice_includes_folders_below(server, tab):
    opened(tab, server)
    shown = "kgenre.map.points.colours.filter((value, i) => i % 4 === 3 && value === 255).length"
    tab.select_option("#folder", "metal")
    metal = tab.evaluate(
        "kgenre.tracks.titles.filter((_, i) => kgenre.tracks.text('folder', i).startsWith('metal/')).length"
    )
    assert tab.evaluate(shown) == metal == 20
    tab.select_option("#folder", "")
    assert tab.evaluate(shown) == TRACKS + 3


def test_tags_dialog_existing_tags_are_overwritten_only_if_ticked(server, tab):
    opened(tab, f"{server}/#sel=b.c.d.e.f.g.h")
    tab.click("#tags")
    tab.wait_for_selector("#overwrite-tags")
    first = tab.locator("#dialog tr").count()
    tab.check("#overwrite-tags")
    until(tab, f"document.querySelectorAll('#dialog tr').length > {first}")


def test_path_click_in_a_list_ends_the_path(server, tab):
    opened(tab, f"{server}/#track=3")
    tab.wait_for_selector("#neighbours li")
    goal = tab.evaluate("kgenre.state.neighbours[4][0]")
    tab.keyboard.press("w")
    tab.click("#neighbours li >> nth=4")
    tab.wait_for_selector("#selection")
    path = tab.evaluate("kgenre.state.selection")
    assert (path[0], path[-1]) == (tab.evaluate("kgenre.tracks.rowOf.get(3)"), goal)


def answer_late(tab, route, address: str) -> None:
    """Lets a request go on, and waits until the page has had time to make something of its answer."""
    with tab.expect_response(address) as response:
        route.continue_()
    response.value.finished()
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_path_that_arrives_late_leaves_what_was_chosen_meanwhile(server, tab):
    """Two paths, of which the answers come in the other order: the later one; and one that a selection ends."""
    held = []
    tab.route("**/path/*/*", lambda route: held.append(route))
    opened(tab, f"{server}/#track=3")
    tab.wait_for_selector("#neighbours li")
    goals = tab.evaluate("kgenre.state.neighbours.slice(4, 6).map(([row]) => row)")
    for place in (4, 5):
        tab.keyboard.press("w")
        with tab.expect_request("**/path/*/*"):
            tab.click(f"#neighbours li >> nth={place}")
    wait_in(tab, lambda: len(held) == 2)
    held[1].continue_()
    until(tab, f"kgenre.state.path.at(-1) === {goals[1]}")
    answer_late(tab, held[0], "**/path/*/*")
    assert tab.evaluate("kgenre.state.path.at(-1)") == goals[1]
    tab.evaluate("location.hash = ''")
    opened(tab, f"{server}/?again#track=3")
    tab.wait_for_selector("#neighbours li")
    tab.keyboard.press("w")
    with tab.expect_request("**/path/*/*"):
        tab.click("#neighbours li >> nth=4")
    tab.keyboard.press("a")
    answer_late(tab, held[2], "**/path/*/*")
    assert tab.evaluate("kgenre.state.path.length") == 0 and tab.evaluate("kgenre.state.selection.length") > 100


def test_retraining_that_is_previewed_late_is_not_of_other_corrections(server, tab):
    rows, held = correct_album(tab, server, "Delta blues"), []
    tab.route("**/head/preview", lambda route: held.append(route))
    with tab.expect_request("**/head/preview"):
        tab.click("#retrain")
    tab.click("#use-tags")
    held[0].continue_()
    tab.wait_for_selector("#message:has-text('the settings have changed')")
    assert tab.evaluate("kgenre.state.retraining") is None and not tab.is_visible("#dialog")
    tab.click("#use-tags")
    with tab.expect_request("**/head/preview"):
        tab.click("#retrain")
    tab.evaluate("kgenre.store.set({ heads: [...kgenre.state.heads], corrections: new Map(kgenre.state.corrections) })")
    held[1].continue_()  # what the page is told meanwhile is the same
    tab.wait_for_selector("#would-change")
    tab.click("#cancel-retraining-in-dialog")
    tab.keyboard.press("a")
    tab.click("#remove-corrections")
    tab.wait_for_selector(f"#message:has-text('{len(rows)} corrections removed.')")


def test_retrain_is_heard_and_seen_in_the_strip_of_what_is_played(server, tab, place):
    opened(tab, f"{server}/#track={np.base_repr(track_id(place, 'song.ogg'), 36).lower()}")
    tab.wait_for_selector("#play")
    tab.evaluate("() => { for (const id of ['play', 'toggle']) document.getElementById(id).click(); }")  # so it pauses
    until(tab, "kgenre.state.playback?.paused")
    tab.keyboard.press("a")
    assert tab.inner_text("#selection-status") == f"{tab.evaluate('kgenre.state.selection.length')} recordings selected"
    tab.keyboard.press("Escape")
    until(tab, "document.querySelector('#selection-status').textContent === 'Nothing is selected'")
    tab.fill("#genre", "Fado")
    tab.click("#correct")
    tab.click("#retrain")
    tab.click("#apply-retraining-in-dialog")
    until(tab, "kgenre.state.playback.details.labels.includes('Fado') && kgenre.state.details.labels.includes('Fado')")
    assert tab.evaluate("kgenre.state.playback.paused")
    tab.click("#undo-retraining")
    until(tab, "!kgenre.state.playback.details.labels.includes('Fado')")
    tab.click("#remove-correction")
    until(tab, "kgenre.state.corrections.size === 0")


def test_tags_dialog_error_is_told_in_the_dialog(server, tab, place):
    tab.route("**/tags/write", lambda route: route.fulfill(status=500, json={"error": "No space left on device."}))
    opened(tab, f"{server}/#sel={np.base_repr(track_id(place, 'song.ogg'), 36).lower()}")
    tab.click("#tags")
    tab.check("#overwrite-tags")
    tab.click("#write-tags:enabled")
    assert tab.inner_text("#dialog[open] #tags-error") == "No space left on device."
    assert tab.is_enabled("#write-tags") and tab.get_attribute("#tags-error", "role") == "alert"


def test_tags_dialog_nothing_can_be_ticked_while_tags_are_written(server, tab, place):
    held = []
    tab.route("**/tags/write", lambda route: held.append(route))
    opened(tab, f"{server}/#sel={np.base_repr(track_id(place, 'song.ogg'), 36).lower()}")
    tab.click("#tags")
    tab.check("#overwrite-tags")
    with tab.expect_request("**/tags/write"):
        tab.click("#write-tags:enabled")
    assert tab.is_disabled("#overwrite-tags") and tab.is_disabled("#write-tags") and tab.is_enabled("#close-dialog")
    held[0].fulfill(status=500, json={"error": "No space left on device."})
    tab.wait_for_selector("#tags-error")
    assert tab.is_enabled("#overwrite-tags") and tab.is_enabled("#write-tags")


def test_tags_dialog_cannot_write_before_it_shows_what_was_chosen(server, tab, place):
    opened(tab, f"{server}/#sel={np.base_repr(track_id(place, 'song.aiff'), 36).lower()}")  # which has a tag
    tab.click("#tags")
    tab.wait_for_selector("#write-tags:has-text('Write 0 tags')")
    held = []
    tab.route("**/tags/preview", lambda route: held.append(route))
    tab.check("#overwrite-tags")
    until(tab, "document.getElementById('write-tags').disabled")
    tab.uncheck("#overwrite-tags")
    tab.check("#overwrite-tags")
    wait_in(tab, lambda: len(held) == 3)
    overwrites = [route.request.post_data_json["overwrite"] for route in held]
    assert overwrites == [True, False, True]
    held[2].continue_()
    tab.wait_for_selector("#write-tags:enabled")
    assert tab.is_checked("#overwrite-tags") and tab.inner_text("#write-tags") == "Write 1 tag"
    with tab.expect_response("**/tags/preview"):
        held[1].continue_()  # late, and no longer what is ticked
    tab.wait_for_timeout(300)
    assert tab.is_checked("#overwrite-tags") and tab.inner_text("#write-tags:enabled") == "Write 1 tag"
    tab.unroute("**/tags/preview")
    tab.route("**/tags/preview", lambda route: route.fulfill(status=500, json={"error": "No model."}))
    tab.uncheck("#overwrite-tags")
    assert tab.inner_text("#dialog[open] #tags-error") == "No model."
    with tab.expect_response("**/tags/preview"):
        tab.check("#overwrite-tags")
    tab.wait_for_selector("#tags-error")
    assert tab.is_disabled("#write-tags") and tab.locator("#tags-error").count() == 1


def test_audio_undecodable_file_is_played_as_excerpt_from_the_slice(server, tab, place):
    opened(tab, server)
    song = track_id(place, "song.ogg")
    asked = []
    tab.on("request", lambda request: asked.append(request.url.split("/")[-1]) if "/excerpt/" in request.url else None)
    tab.route(f"**/audio/{song}", lambda route: route.fulfill(body=b"no sound", content_type="audio/ogg"))
    tab.evaluate(f"location.hash = '#track={np.base_repr(song, 36).lower()}'")
    tab.wait_for_selector("#play")
    until(tab, "kgenre.state.details !== null")
    tab.keyboard.press(" ")
    until(tab, "kgenre.sound.inside.deck?.voice.constructor.name === 'PartVoice' && kgenre.sound.inside.deck.sounded")
    assert asked == [f"{song}?start=2&seconds=30"]  # from the slice on, two seconds into the song
    assert tab.evaluate("kgenre.sound.seconds") >= 2


def test_tags_dialog_written_tags_are_shown_at_once(server, tab, place):
    opened(tab, server)
    song = track_id(place, "song.ogg")
    tab.evaluate(f"location.hash = '#sel={np.base_repr(song, 36).lower()}.1'")
    tab.wait_for_selector("#selection")
    tab.click("#tags")
    tab.wait_for_selector("text=1 file cannot be written")  # the invented track has no file
    tab.click("#write-tags")
    tab.wait_for_selector("text=Changed: 1 file of 1 recording.")
    row = row_of(tab, place, "song.ogg")
    assert tab.evaluate(f"kgenre.tracks.text('tag', {row})") == "jazz"
    tab.click("#undo-tags")
    tab.wait_for_selector("text=old tags again: 1 file of 1 recording.")
    assert tab.evaluate(f"kgenre.tracks.text('tag', {row})") == ""


def test_link_without_selection_resets_what_was_shown(server, tab):
    opened(tab, f"{server}/#colour=toString&sel=1.2")
    assert tab.input_value("#colouring") == "prediction"
    tab.click("#legend button >> nth=0")
    tab.evaluate("location.hash = '#colour=folder'")
    until(tab, "kgenre.state.colouring === 'folder'")
    assert tab.evaluate("[kgenre.state.hidden.size, kgenre.state.selection.length, kgenre.state.current]") == [0, 0, -1]


def test_page_search_links_keys_and_dark_mode_work(server, tab):
    opened(tab, f"{server}/#sel=1.2.3.zzzz&colour=year&q=artist")
    assert tab.evaluate("kgenre.state.selection.map((row) => kgenre.tracks.ids[row])") == [1, 2, 3]
    assert tab.input_value("#colouring") == "year" and tab.input_value("#search") == "artist"
    tab.keyboard.press("Escape")
    assert tab.evaluate("kgenre.state.selection") == []
    tab.keyboard.press("/")
    tab.keyboard.press("Control+a")
    tab.keyboard.type("SONG 11 album 1")  # accents and case do not matter, and every word must fit
    until(tab, "kgenre.state.query === 'SONG 11 album 1'")  # at most one search runs each 120 ms
    with_both = tab.evaluate("kgenre.tracks.titles.filter((_, i) => kgenre.state.hits[i])")
    assert "Söng 11" in with_both and all("Söng 1" in title for title in with_both)
    tab.keyboard.press("Escape")
    tab.keyboard.press("d")
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    tab.keyboard.press("?")
    assert "playlist" in tab.inner_text("#dialog")
    tab.keyboard.press("Escape")
    tab.keyboard.press("x")
    assert "empty file" in tab.inner_text("#dialog")


def test_touch_one_finger_pans_and_two_zoom(server, browser):
    context = browser.new_context(viewport={"width": 390, "height": 780}, has_touch=True)
    tab = opened(context.new_page(), server)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    touch = fingers(tab)
    before = tab.evaluate("({x: kgenre.map.view.x, pixels: kgenre.map.view.pixels})")
    drag(touch, (150, 250), (100, 250))
    panned = tab.evaluate("({x: kgenre.map.view.x, pixels: kgenre.map.view.pixels})")
    assert (
        panned["x"] == pytest.approx(before["x"] + 50 / before["pixels"], rel=0.2)
        and panned["pixels"] == before["pixels"]
    )
    touch("touchStart", (150, 250))
    touch("touchStart", (150, 250), (200, 250))
    touch("touchMove", (125, 250), (225, 250))
    touch("touchEnd")
    assert tab.evaluate("kgenre.map.view.pixels") == pytest.approx(2 * before["pixels"], rel=0.2)
    context.close()


def offline_file(place, folder) -> Path:
    with Library(place / "library.sqlite") as library:
        space = library.space()
        data = payload(library, space, None, Explorer(library, space).genres.prediction, offline=True)
    assert data["failures"] == []
    file = folder / "map.html"
    file.write_text(page_html(data), encoding="utf-8")
    return file


def test_offline_page_opened_from_a_file_requests_nothing(place, tab, tmp_path):
    file = offline_file(place, tmp_path)
    assert str(place) not in file.read_text(encoding="utf-8")  # it may be sent: it does not tell where the music lies
    requests = []
    tab.on("request", lambda request: requests.append(request.url))
    opened(tab, file.as_uri())
    assert tab.evaluate("kgenre.tracks.n") == TRACKS + 3
    tab.mouse.click(*pixel_of(tab, 5))
    tab.wait_for_selector("#neighbours li")
    tab.keyboard.press("a")
    with tab.expect_download() as download:
        tab.click("#csv")
    assert len(Path(download.value.path()).read_text(encoding="utf-8").splitlines()) == TRACKS + 4
    tab.select_option("#colouring", "tag")
    assert "offline" in tab.inner_text("#foot") and tab.evaluate("window.pwned") is None
    assert EVIL in tab.inner_text("#legend") and tab.locator("img[onerror]").count() == 0
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requests)


def test_offline_page_of_several_genres_shows_all_of_the_answer(tab, tmp_path):
    task = MultiLabel(LABELS, thresholds=(0.03,) * 3 + (0.9,) * 3)
    with make_library(tmp_path / "library.sqlite", 60, task=task) as library:
        space = library.space()
        update_map(library, space)
        explorer = Explorer(library, space)
        track = int(explorer.ids[5])
        expected = set(chosen_labels(task, explorer.genres.prediction.probabilities[5]))
        table = explorer.songs([track])
        (tmp_path / "map.html").write_text(
            page_html(payload(library, space, None, explorer.genres.prediction, True)), encoding="utf-8"
        )
    assert len(expected) > 1 and set(table.at[track, "predicted"].split("|")) == expected
    opened(tab, f"{(tmp_path / 'map.html').as_uri()}#track={np.base_repr(track, 36).lower()}")
    tab.wait_for_selector("#track .genre.chosen")
    assert set(tab.locator("#track .genre.chosen span:first-child").all_inner_texts()) == expected
    assert "one of its genres" in tab.locator("#track .genre.chosen span").first.get_attribute("title")


@pytest.mark.parametrize("name, value", [("src", "data:text/javascript,window.pwned=1"), ("textContent", "pwned=1")])
def test_offline_page_added_script_is_refused(place, tab, tmp_path, name, value):
    file = offline_file(place, tmp_path)
    policy = re.search('Content-Security-Policy" content="([^"]+)"', file.read_text(encoding="utf-8"))[1]
    scripts = policy.split("script-src ")[1].split(";")[0]
    assert policy.startswith("default-src 'none'; ") and re.fullmatch("('sha256-[^' ]+' ?)+", scripts)
    opened(tab, file.as_uri())
    tab.evaluate(
        "([name, value]) => document.body.append(Object.assign(document.createElement('script'), {[name]: value}))",
        [name, value],
    )
    tab.wait_for_timeout(300)
    assert tab.evaluate("window.pwned") is None


def test_offline_page_changed_module_is_refused(place, browser, tmp_path):
    """The hash of each module is checked, not that of the import map alone."""
    file, tab = offline_file(place, tmp_path), browser.new_page()
    page = file.read_text(encoding="utf-8")
    store = re.search('"page/core/store.js": "data:text/javascript;base64,([^"]+)"', page)[1]
    changed = page.replace(store, base64.b64encode(b"window.pwned = 1;\n" + base64.b64decode(store)).decode())
    before, after = (script_hash(re.search('importmap">(.+?)</script>', text)[1]) for text in (page, changed))
    assert before in changed
    file.write_text(changed.replace(before, after), encoding="utf-8")
    tab.goto(file.as_uri())
    tab.wait_for_timeout(500)
    assert tab.evaluate("[window.pwned, document.documentElement.dataset.ready]") == [None, None]
    tab.close()


# Modules of the page, each alone.


def test_store_changes_are_told_once_to_those_who_subscribed(server, tab):
    opened(tab, server)
    calls = tab.evaluate("""async () => {
        const { Store } = await import("page/core/store.js"), store = new Store({ a: 1, b: 1, c: 1 }), calls = [];
        const later = () => new Promise((done) => setTimeout(done));
        store.subscribe(["a"], ({ a, b }) => calls.push(["first", a, b]));
        const end = store.subscribe(["a", "b"], ({ a }) => { calls.push(["second", a]); store.set({ c: 10 * a }); });
        store.subscribe(["c"], ({ c }) => calls.push(["third", c]));
        store.set({ a: 2 }); store.set({ b: 2 }); store.set({ a: 3 });
        calls.push(["now", store.state.a]);
        await later();
        store.set({ a: 3, c: 30 });  // nothing new
        await later();
        end();
        store.set({ b: 5 });
        await later();
        return calls;
    }""")
    assert calls == [
        ["first", 1, 1], ["second", 1], ["third", 10],  # each at its subscription
        ["now", 3], ["first", 3, 2], ["second", 3], ["third", 30],
    ]  # fmt: skip


def test_store_failing_listener_does_not_keep_others_from_the_change(server, browser):
    tab, errors = browser.new_page(), []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    opened(tab, server)
    told = tab.evaluate("""async () => {
        const { Store } = await import("page/core/store.js"), store = new Store({ a: 1 }), told = [];
        store.subscribe(["a"], ({ a }) => { if (a > 1) throw new Error("a fault"); });
        store.subscribe(["a"], ({ a }) => told.push(a));
        store.set({ a: 2 });
        await new Promise((done) => setTimeout(done));
        return told;
    }""")
    tab.close()
    assert told == [1, 2] and any("a fault" in error for error in errors)


def test_data_sources_offline_has_no_member_that_the_server_lacks(server, place, tab, tmp_path):
    """One interface: what both have is called alike; what the offline source lacks is an ability of DataSource."""
    describe = """(source) => Object.fromEntries(Object.entries(source).map(([name, member]) =>
        [name, typeof member === "function" ? `function of ${member.length}` : typeof member]))"""
    opened(tab, server)
    served = tab.evaluate(f"({describe})(kgenre.source)")
    opened(tab, offline_file(place, tmp_path).as_uri())
    offline = tab.evaluate(f"({describe})(kgenre.source)")
    assert offline.items() <= served.items() and set(offline) == {"data", "limits", "csv", "tagTable"}
    types = (Path(kgenre.web.explore.__file__).parent / "page" / "core" / "types.d.ts").read_text(encoding="utf-8")
    interface = types.split("export interface DataSource {")[1].split("\n}")[0]
    members = re.findall(r"^  (?:readonly )?(\w+)(\??)[(:]", interface, re.MULTILINE)
    assert {name for name, optional in members if not optional} == set(offline)
    assert {name for name, _ in members} == set(served)


def test_data_sources_tracks_of_both_are_alike(server, place, tab, tmp_path):
    columns = """({ids: [...kgenre.tracks.ids], genres: [...kgenre.tracks.probabilities], titles: kgenre.tracks.titles,
        folders: kgenre.tracks.columns.folder.names, labels: kgenre.tracks.labels})"""
    opened(tab, server)
    served = tab.evaluate(columns)
    opened(tab, offline_file(place, tmp_path).as_uri())
    assert tab.evaluate(columns) == served


def test_offline_page_hides_and_names_what_the_source_cannot_do(place, tab, tmp_path):
    opened(tab, offline_file(place, tmp_path).as_uri())
    tab.mouse.click(*pixel_of(tab, 5))
    tab.wait_for_selector("#neighbours li")
    tab.keyboard.press("a")
    tab.wait_for_selector("#csv")
    for lacking in (
        "sound",
        "player",
        "queue",
        "failures",
        "play",
        "path",
        "why",
        "genre",
        "genre-all",
        "save",
        "tags",
        "retrain",
    ):
        assert tab.locator(f"#{lacking}").filter(visible=True).count() == 0, lacking
    tab.keyboard.press("?")
    assert "retrain" not in tab.inner_text("#dialog") and "as a table" in tab.inner_text("#dialog")
    tab.keyboard.press("Escape")
    tab.keyboard.press("r")
    tab.wait_for_selector("#message:has-text('Not possible here')")
