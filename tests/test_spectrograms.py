"""Spectrograms as tracks: reading, slices, tables, settings that the data settle, and runs from the command line."""

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kgenre.__main__ import main
from kgenre.archs import ARCHS
from kgenre.audio.decoders import AudioError
from kgenre.audio.inputs import SPECTROGRAM, WAVEFORM, container, input_of, is_spectrogram, split_member, track_name
from kgenre.audio.open_reader import open_reader
from kgenre.audio.policy import ReadPolicy
from kgenre.audio.reader import TrackReader
from kgenre.audio.slicing import SliceSpec, cut_slices
from kgenre.audio.spectrogram_reader import SpectrogramReader, check_spectrograms
from kgenre.audio.spectrograms import read_spectrogram, spectrogram_shape
from kgenre.audio.walk import expand_paths, find_files
from kgenre.baselines.spectrogram_statistics import spectrogram_statistics
from kgenre.collections import load_collection
from kgenre.collections.settings import CollectionOptions
from kgenre.core.errors import KgenreError
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings
from kgenre.training.spectrograms import settle_spectrograms, value_range

BINS, FRAMES = 32, 80
GENRES = ("low", "middle", "high")
SPEC = SliceSpec(4.0, 32, 24, BINS)
REAL = Path(__file__).parents[2] / "shared" / "data"


def spectrograms(n: int = 18, seed: int = 0) -> np.ndarray:
    """uint8 (n, BINS, FRAMES): noise of 0 to 99, and of a third of the bins, by genre, 100 to 199."""
    rng = np.random.default_rng(seed)
    made = rng.integers(0, 100, (n, BINS, FRAMES))
    for number, one in enumerate(made):
        band = number % 3
        one[band * 10 : band * 10 + 10] += 100
    return made.astype("uint8")


def columns(n: int = 18) -> dict[str, np.ndarray]:
    return {
        "genre": np.array([GENRES[number % 3] for number in range(n)]),
        "split": np.array([("train", "train", "valid", "test")[number // 3 % 4] for number in range(n)]),
        "artist": np.array([f"artist {number}" for number in range(n)]),
    }


def write_npz(path: Path, compressed: bool = False, **changes) -> Path:
    write = np.savez_compressed if compressed else np.savez
    write(path, **{"mel": spectrograms(), **columns(), **changes})
    return path


def refusal(call, *arguments, **options) -> str:
    with pytest.raises(KgenreError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Names
@pytest.mark.parametrize(
    ("path", "file", "index"),
    [
        ("a.npz#5", "a.npz", 5),
        ("/x/a#b.npz#07", "/x/a#b.npz", 7),
        ("a.NPZ#5#t=0,7.4", "a.NPZ", 5),
        ("a.npz#5#copy=2", "a.npz", 5),
        ("a.npz", "a.npz", None),
        ("a.npz#x", "a.npz#x", None),
        ("song #5.mp3", "song #5.mp3", None),
        ("song.mp3#5", "song.mp3#5", None),
        ("a.npz#²", "a.npz#²", None),
    ],
)
def test_split_member_gives_file_and_index(path, file, index):
    assert split_member(path) == (file, index)
    assert container(path) == Path(file)
    assert is_spectrogram(path) == (index is not None)
    assert track_name(path) == (Path(path).stem if index is None else path.rpartition("/")[2])


def test_is_spectrogram_of_a_part_is_that_of_the_file():
    assert is_spectrogram("a.npy#t=0.5,2.25") and is_spectrogram("b.PNG#copy=1") and not is_spectrogram("a.mp3#t=0,2")


@pytest.mark.parametrize(
    ("data", "input"),
    [("a.npz", "spectrogram"), ("spectrograms:music", "spectrogram"), ("demo", "waveform"), ("a.csv", "waveform")],
)
def test_input_of_data_is_told_by_its_name(data, input):
    assert input_of(data) == input
    assert RunSettings.compose({"data": data}).input == input


# Reading
def test_read_spectrogram_gives_frames_by_bins_low_to_high(tmp_path):
    values = spectrograms(1)[0]  # (bins, frames)
    np.save(tmp_path / "a.npy", values)
    np.save(tmp_path / "b.npy", values.astype("float16") - 80)
    Image.fromarray(values[::-1]).save(tmp_path / "a.png")
    Image.fromarray(values[::-1]).convert("RGB").save(tmp_path / "rgb.png")
    Image.fromarray(values[::-1].astype("uint16") * 200).save(tmp_path / "deep.png")
    Image.fromarray(values[::-1]).save(tmp_path / "a.jpg", quality=100, subsampling=0)
    for name in ("a.npy", "a.png", "rgb.png"):
        found = read_spectrogram(tmp_path / name)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, values.T)
        assert spectrogram_shape(tmp_path / name) == (FRAMES, BINS)
    np.testing.assert_array_equal(read_spectrogram(tmp_path / "b.npy"), values.T - 80.0)
    np.testing.assert_array_equal(read_spectrogram(tmp_path / "deep.png"), values.T.astype(int) * 200)
    jpeg = read_spectrogram(tmp_path / "a.jpg").astype(int)
    assert np.abs(jpeg - values.T).max() <= 8  # of noise, at the best quality; upside down it is 190


@pytest.mark.parametrize("compressed", [False, True])
def test_read_spectrogram_of_npz_gives_the_member(tmp_path, compressed):
    file = write_npz(tmp_path / "a.npz", compressed)
    for index in (0, 17):
        found = read_spectrogram(f"{file}#{index}")
        np.testing.assert_array_equal(found, spectrograms()[index].T)
        assert found.dtype == np.uint8
    assert isinstance(read_spectrogram(f"{file}#0").base, np.memmap) != compressed
    changed = spectrograms(seed=1)
    write_npz(file, compressed, mel=changed)
    os.utime(file, ns=(1, 1))
    np.testing.assert_array_equal(read_spectrogram(f"{file}#3"), changed[3].T)


def declare(path: Path, compression: int, shape: bytes) -> None:
    """Writes an .npz whose array declares another shape than it has."""
    stream = io.BytesIO()
    np.save(stream, spectrograms())
    header = b"(18, 32, 80), }" + b" " * len(shape)
    content = stream.getvalue().replace(header, shape + b", }" + b" " * (len(header) - len(shape) - 3))
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("mel.npy", content)


def faulty_files(folder: Path) -> dict[str, str]:
    """{name: part of the cause} of files that must be refused."""
    np.save(folder / "flat.npy", np.zeros(5))
    np.save(folder / "empty.npy", np.zeros((4, 0)))
    np.save(folder / "text.npy", np.array([["a"]]))
    np.save(folder / "nan.npy", np.array([[1.0, np.nan], [np.inf, 0.0]]))
    np.save(folder / "object.npy", np.array([[None]], dtype=object), allow_pickle=True)
    np.save(folder / "whole.npy", spectrograms(1)[0])
    (folder / "cut.npy").write_bytes((folder / "whole.npy").read_bytes()[:500])
    (folder / "torn.npy").write_bytes((folder / "whole.npy").read_bytes().replace(b" }", b"(]"))
    declare(folder / "bomb.npz", zipfile.ZIP_DEFLATED, b"(9000000, 3200000, 8000000)")
    Image.fromarray(spectrograms(1)[0]).save(folder / "whole.png")
    (folder / "cut.png").write_bytes((folder / "whole.png").read_bytes()[:700])
    (folder / "words.png").write_text("not a picture")
    (folder / "words.npz").write_text("not an archive")
    (folder / "nothing.jpg").write_bytes(b"")
    write_npz(folder / "good.npz")
    return {
        "flat.npy": "is an array of numbers, bins x frames. Received: 5 of float64.",
        "empty.npy": "Received: 4x0 of float64.",
        "text.npy": "Received: 1x1 of <U1.",
        "nan.npy": "2 NaN or infinite values. ",
        "object.npy": "not a readable .npy file (",
        "cut.npy": "not a readable .npy file (",
        "torn.npy": "not a readable .npy file (",
        "bomb.npz#0": "mel.npy: 46080 bytes, where its header declares 230400000000000000000",
        "cut.png": "not a readable .png file (",
        "words.png": "not a readable .png file (",
        "nothing.jpg": "not a readable .jpg file (",
        "missing.npy": "not a readable .npy file (No such file or directory).",
        "missing.npz#0": "not a readable .npz file (No such file or directory).",
        "words.npz#0": "not a readable .npz file (",
        "good.npz#18": "no such spectrogram: the file has those from 0 to 17.",
        "song.mp3": "not the name of a spectrogram, which the model takes: .jpeg, .jpg, .npy, .png or FILE.npz#INDEX.",
    }


def test_faulty_spectrogram_is_one_line_and_a_failure(tmp_path):
    for name, cause in faulty_files(tmp_path).items():
        path = str(tmp_path / name)
        with pytest.raises(AudioError) as caught:
            read_spectrogram(path)
        assert cause in caught.value.cause and "\n" not in str(caught.value), name
        reader = SpectrogramReader(SPEC)
        assert list(reader.slices(path)) == [] and reader.failures == {path: caught.value.cause}


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"mel": np.zeros((3, 4))}, "a.npz: needs one array of three dimensions, tracks x bins x frames, of numbers. "
         "Received: mel 3x4, genre 18, split 18, artist 18. Write it with np.savez("),
        ({"other": np.zeros((3, 4, 5))}, "Received: mel 18x32x80, genre 18, split 18, artist 18, other 3x4x5."),
        ({"mel": np.zeros((3, 4, 5, 3))}, "Take the mean of the channels first."),
        ({"mel": np.zeros((0, 4, 5))}, "a.npz: an empty array: mel 0x4x5."),
        ({"split": np.array(["train"] * 17)}, "a.npz: `split` has 17 values, and there are 18 tracks."),
        ({"split": np.array(["train"] * 17 + ["trian"])}, "`split` must be train, valid or test. Received: 'trian'."),
        ({"genre": np.array(["a"] * 17 + [""])}, "a.npz: no genre of the track 17. Give an array `genre` of 18 names"),
        ({"genre": np.arange(18), "genres": np.array(GENRES)}, "has numbers from 0 to 17, and `genres` 3 names"),
        ({"genre": np.zeros(18), "genres": np.array(GENRES)}, "`genre` must be whole numbers into `genres`."),
        ({"genre": np.array([np.nan] + [1.0] * 17)}, "a.npz: no genre of the track 0."),
        ({"split": np.array(["train"] * 18, object)}, "`split` is an array of Python objects, which is not read. Write "
         "it as text: np.savez(FILE, split=split.astype(str), ...)."),
        ({"artist": np.array([b"caf\xe9"] * 18)}, "a.npz: `artist` holds bytes that are not UTF-8."),
    ],
    ids=str,
)  # fmt: skip
def test_faulty_npz_is_one_line(tmp_path, arrays, text):
    assert text in refusal(load_collection, str(write_npz(tmp_path / "a.npz", **arrays)))


def test_crop_is_at_its_position_in_time(tmp_path):
    file = write_npz(tmp_path / "a.npz")
    np.save(tmp_path / "a.npy", spectrograms()[4])
    whole = spectrograms()[4].T.astype("float32")
    for path in (f"{file}#4", str(tmp_path / "a.npy")):
        reader = SpectrogramReader(SPEC, 1 << 20)
        for position in (0.0, 0.3, 1.0, 0.3):
            start = round(position * (FRAMES - SPEC.slice_samples))
            found = reader.crop(path, position)
            np.testing.assert_array_equal(found, whole[start : start + SPEC.slice_samples])
            assert found.dtype == np.float32
        np.testing.assert_array_equal(reader.crop(path, 0.5, 2 * FRAMES), np.concatenate([whole, whole]))
    assert reader.decoded == 1 and reader.cache.used == BINS * FRAMES  # bytes, not floats


@pytest.mark.parametrize("limit", [None, 2])
def test_slices_are_those_of_cut_slices_and_of_the_policy(tmp_path, limit):
    path = f"{write_npz(tmp_path / 'a.npz')}#2"
    reader = open_reader(SPEC, policy=ReadPolicy(limit))
    found, whole = list(reader.slices(path)), spectrograms()[2].T.astype("float32")
    if limit is None:
        np.testing.assert_array_equal([piece.samples for piece in found], cut_slices(whole, SPEC))
        assert [piece.start for piece in found] == [0.0, 6.0, 12.0]  # of 24 frames at 4 a second
    else:
        np.testing.assert_array_equal([piece.samples for piece in found], [whole[12:44], whole[36:68]])
    facts = reader.facts[path]
    assert facts.seconds == FRAMES / 4.0 and facts.starts == tuple(piece.start for piece in found)
    assert facts.flags == (() if limit is None else ("sampled",))


@pytest.mark.parametrize("cache", [0, 1 << 20])
def test_part_of_a_file_is_cut_at_its_seconds(tmp_path, cache):
    whole, file = spectrograms()[3].T.astype("float32"), write_npz(tmp_path / "a.npz")
    np.save(tmp_path / "a.npy", spectrograms()[3])
    for path in (f"{file}#3", str(tmp_path / "a.npy")):
        reader = SpectrogramReader(SPEC, cache)
        (piece,) = reader.slices(f"{path}#t=2.5,10.5")  # 32 frames, at 4 a second
        np.testing.assert_array_equal(piece.samples, whole[10:42])
        np.testing.assert_array_equal(reader.crop(f"{path}#t=2.5,10.75", 1.0), whole[11:43])
        copy = reader.crop(f"{path}#copy=1", 0.0)
        assert 0 < np.abs(copy - whole[:32]).max() < 10 and copy.min() >= whole.min()
        assert list(reader.slices(f"{path}#t=20,30")) == []
        assert reader.failures == {f"{path}#t=20,30": "no part of the spectrogram, which lasts 20.000 s."}


def test_open_reader_is_that_of_the_spec():
    assert isinstance(open_reader(SPEC), SpectrogramReader)
    assert isinstance(open_reader(SliceSpec(8000, 8000, 8000)), TrackReader)
    assert SPEC.values() == {"sample_rate": 4.0, "slice_samples": 32, "hop_samples": 24, "bins": BINS}
    assert "bins" not in SliceSpec(8000, 8000, 8000).values()


def test_check_spectrograms_finds_the_odd_bins_and_the_unreadable(tmp_path):
    faults = faulty_files(tmp_path)
    np.save(tmp_path / "narrow.npy", np.zeros((8, 50)))
    good = [f"{tmp_path}/good.npz#{number}" for number in range(3)]
    paths = [*good, str(tmp_path / "narrow.npy"), *(str(tmp_path / name) for name in faults)]
    failures, shapes = check_spectrograms(paths, 2)
    assert failures[f"{tmp_path}/narrow.npy"] == "8 bins, where 32 are wanted."
    assert shapes == dict.fromkeys([*good, f"{tmp_path}/cut.png"], (FRAMES, BINS))  # a cut picture shows when read
    failures, shapes = check_spectrograms(paths, 1, bins=8)
    assert set(shapes) == {f"{tmp_path}/narrow.npy"}


# Tables
def test_npz_with_numbered_labels_and_csv_beside_is_a_table_of_tracks(tmp_path):
    file = tmp_path / "a.npz"
    n = 6
    np.savez(
        file,
        spectrum=np.arange(n * 4 * 9, dtype="float32").reshape(n, 4, 9),
        label=np.array([0, 1, 0, 1, 0, 1], "int8"),
        genres=np.array(["Rock", "Folk", "Pop"]),
        track=np.array([2, 10, 7, 99, 1000, 3], "int32"),
        vggish=np.zeros((n, 128)),
        has_vggish=np.ones(n, bool),
    )
    (tmp_path / "a.csv").write_text(
        "track_id,split,genres_all\n000010,train,17|12\n000002,valid,1\n001000,test,12\n000007,train,17\n"
        "000099,train,12\n000003,test,17\n000001,train,12\n"
    )
    (tmp_path / "genres.csv").write_text(
        "genre_id,#tracks,parent,title,top_level\n12,5,0,Rock,12\n17,5,0,Folk,17\n1,5,12,Punk,12\n"
    )
    table = load_collection(str(file)).table
    assert table["track_id"].tolist() == ["000002", "000010", "000007", "000099", "001000", "000003"]
    assert table["path"].tolist() == [f"{file}#{index}" for index in range(n)]
    assert table["genre"].tolist() == ["Rock", "Folk"] * 3
    assert table["split"].tolist() == ["valid", "train", "train", "train", "test", "test"]
    several = load_collection(str(file), options=CollectionOptions(task="multi"))
    assert several.table["genres"].tolist() == ["Rock", "Folk|Rock", "Rock|Folk", "Folk|Rock", "Rock", "Folk"]
    assert several.labels == ["Folk", "Rock"]
    every = load_collection(f"spectrograms:{file}", options=CollectionOptions(task="multi", level="all"))
    assert every.labels == ["Folk", "Punk", "Rock"] and every.parents == {"Punk": "Rock"}
    (tmp_path / "genres.csv").write_text("genre_id,#tracks,parent,title,top_level\n12,5,0,Rock,12\n")
    assert "a.csv: the genre 1 is not in genres.csv beside it." in refusal(load_collection, str(file))


def test_npz_of_as_many_genres_as_tracks_names_them_by_number(tmp_path):
    labels, names = np.arange(18)[::-1], np.array([f"genre {number}" for number in range(18)])
    table = load_collection(str(write_npz(tmp_path / "a.npz", genre=labels, genres=names))).table
    assert list(table["genres"]) == list(names[::-1])


@pytest.mark.parametrize("compressed", [False, True])
def test_npz_with_one_spectrogram_on_two_sides_is_refused_or_kept_on_one(tmp_path, compressed):
    """Of tracks 0 (train) and 9 (test); 1 shares its middle bin alone, so it is another."""
    mel, own = spectrograms(), columns()
    mel[9], mel[1, BINS // 2] = mel[0], mel[0, BINS // 2]
    path = str(write_npz(tmp_path / "a.npz", compressed, mel=mel))
    text = refusal(load_collection, path)
    assert f"the same audio, as {path}#0 (train) and {path}#9 (test)" in text
    unsplit = write_npz(tmp_path / "b.npz", compressed, mel=mel, split=np.array([""] * 18), artist=own["artist"])
    for seed in range(6):
        split = load_collection(str(unsplit), seed=seed).table["split"]
        assert split[0] == split[9]


def test_folder_of_pictures_by_genre_is_a_table_of_tracks(tmp_path):
    for number, values in enumerate(spectrograms(6)):
        folder = tmp_path / GENRES[number % 3] / ("album" if number % 2 else "")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(folder / f"{number}.png")
    (tmp_path / "low" / "notes.txt").write_text("no spectrogram")
    table = load_collection(f"spectrograms:{tmp_path}").table
    assert sorted(table["track_id"]) == list("012345")
    assert table.set_index("track_id").loc[["0", "1"], ["genre", "album"]].to_numpy().tolist() == [
        ["low", ""], ["middle", "album"]
    ]  # fmt: skip
    assert "no spectrograms in folders below it" in refusal(load_collection, f"spectrograms:{tmp_path}/high/album")
    assert "nowhere: no such folder. " in refusal(load_collection, "spectrograms:nowhere")
    assert refusal(load_collection, "spectrograms").startswith("spectrograms: needs the folder that holds it.")


def test_pictures_beside_songs_are_covers_unless_they_have_the_name_of_one(tmp_path, caplog):
    for name in ("album/cover.jpg", "album/song.mp3", "album/song.png", "album/extra.npy", "other/cover.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = [str(path.relative_to(tmp_path)) for path in find_files(tmp_path, SPECTROGRAM)]
    assert found == ["album/extra.npy", "album/song.png", "other/cover.jpg"]
    assert f"left out: pictures beside songs (1), such as {tmp_path}/album/cover.jpg" in caplog.text
    assert [path.name for path in find_files(tmp_path, WAVEFORM)] == ["song.mp3"]
    for name in ("song.png", "extra.npy"):
        (tmp_path / "album" / name).unlink()
    assert "holds no spectrograms" in refusal(expand_paths, [str(tmp_path / "album")], SPECTROGRAM)


@pytest.mark.parametrize(
    ("name", "n", "genres"), [("fma_small_mel", 7194, 8), ("gtzan_mel", 639, 10)]
)  # fmt: skip
def test_real_collections_load(name, n, genres):
    file = REAL / name / "train_valid.npz"
    if not file.is_file():
        pytest.skip(f"{file} is not here")
    collection = load_collection(str(file))
    assert (len(collection.table), len(collection.labels), collection.task) == (n, genres, "single")
    assert collection.table["track_id"].is_unique and set(collection.table["split"]) == {"train", "valid"}
    if name == "fma_small_mel":
        several = load_collection(str(file), options=CollectionOptions(task="multi", level="all"))
        assert len(several.table) == n and several.parents["Trip-Hop"] == "Electronic"


# Settings
def test_settled_settings_are_those_of_the_data(tmp_path):
    file = write_npz(tmp_path / "a.npz", frames_per_second=np.array(4.3))
    settings = RunSettings.compose({"data": str(file), "slice_frames": None, "value_low": 5.0})
    paths = [f"{file}#{index}" for index in range(12)]
    _, shapes = check_spectrograms(paths, 1)
    settled = settle_spectrograms(settings, paths, shapes)
    low, high = np.quantile(spectrograms()[:12], (0.001, 0.999))
    assert settled == {"slice_frames": 80, "n_bins": BINS, "frames_per_second": 4.3, "value_high": float(high)}
    assert value_range(paths) == (low, high)
    spec = settings.replace(**settled).slice_spec
    assert spec == SliceSpec(4.3, 80, 80, BINS) and spec.shape == (80, BINS) and spec.input == "spectrogram"
    told = {"frames_per_second": 10.5, "value_range": [-80.0, 0.0]}
    (tmp_path / "spectrograms.json").write_text(json.dumps(told))
    settings = RunSettings.compose({"data": f"spectrograms:{tmp_path}"})
    settled = settle_spectrograms(settings, paths, dict.fromkeys(paths, (700, 9)))
    assert settled == {
        "slice_frames": 128, "n_bins": 9, "frames_per_second": 10.5, "value_low": -80.0, "value_high": 0.0
    }  # fmt: skip
    (tmp_path / "spectrograms.json").write_text('{"value_range": [0, 0]}')
    assert "`value_range` must be two ascending numbers. Received: [0, 0]." in refusal(
        settle_spectrograms, settings, paths, dict.fromkeys(paths, (700, 9))
    )


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"feature": "cqt"}, "`feature` is computed from audio, and the tracks are spectrograms. Received: "),
        ({"augment": ["gain", "zoom"]}, "`augment`: gain needs audio, and the tracks are spectrograms. Received: "
         "gain zoom. Those that apply: mixup, shift, zoom, noise, specaugment."),
        ({"slice_seconds": 3.0}, "`slice_seconds` is not a setting of spectrogram, which has: slice_frames, "),
        ({"n_mels": 40}, "`n_mels` is not a setting of spectrograms that are given. It is one of logmel, "),
        ({"decoder": "ffmpeg"}, "`decoder` is not a setting of spectrogram, which has: cache_gib, "),
        ({"input": "waveform"}, "a.npz: holds spectrograms. Received: input=waveform. "),
        ({"value_low": 3.0, "value_high": 3.0}, "`value_low` must be below `value_high`. Received: "),
        ({"data": "demo", "slice_frames": 9}, "`slice_frames` is not a setting of waveform, which has: sample_rate_hz"),
        ({"arch": "musicnn"}, "`musicnn` takes the feature musicnn_mel of audio, which it computes itself. "),
        ({"arch": "vggish"}, "`vggish` takes the feature vggish_mel of audio, which it computes itself. "),
    ],
    ids=str,
)  # fmt: skip
def test_setting_of_audio_is_refused_with_the_reason(values, text):
    assert refusal(RunSettings.compose, {"data": "a.npz", **values}).startswith(text)


FEW_FRAMES = ("freqcnn", "tempcnn", "squarecnn", "crnn_parallel")


@pytest.mark.parametrize("frames", [128, 387])
@pytest.mark.parametrize("arch", [name for name, row in ARCHS.items() if row.features is None])
def test_every_architecture_takes_the_public_sizes_or_tells_what_to_set(arch, frames):
    from kgenre.model.build import build_model

    sizes = {"slice_frames": frames, "n_bins": 128, "frames_per_second": 4.3, "value_low": 0.0, "value_high": 31.0}
    random = {"weights": "none"} if "weights" in ARCHS[arch].settings.model_fields else {}
    settings = RunSettings.compose({"data": "a.npz", "arch": arch, **sizes, **random})
    if arch in FEW_FRAMES and frames < 384:
        text = refusal(build_model, settings, 8)
        assert text.endswith("an image of 128x128. Set --image-width 384, or --slice-frames 384 or more.")
        settings = settings.replace(image_width=384)
    slices = np.random.default_rng(0).uniform(0, 31, (2, frames, 128)).astype("float32")
    logits = build_model(settings, 8)(slices, training=False).numpy()
    assert logits.shape == (2, 8) and np.isfinite(logits).all()


def test_mixup_mixes_spectrograms_and_labels():
    from kgenre.augment.mixup import Mixup

    slices, labels, shares = np.random.rand(3, 5, 4).astype("float32"), np.eye(3, dtype="float32"), [0.9, 0.5, 1.0]
    mixed, mixed_labels = Mixup(0.2).apply(slices, labels, shares)
    for number, share in enumerate(shares):
        other = (number + 1) % 3
        expected = share * slices[number] + (1 - share) * slices[other]
        np.testing.assert_allclose(mixed[number], expected, atol=1e-6)  # float32
        np.testing.assert_allclose(
            mixed_labels[number], share * labels[number] + (1 - share) * labels[other], atol=1e-6
        )


# Runs
SMALL = (
    "--arch melcrop --epochs 5 --batch-size 8 --crops-per-track 4 --slice-frames 32 --slice-overlap 0.25 "
    "--augment mixup shift noise specaugment --frames-per-second 4"
).split()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a.npz, and the run that `kgenre train` made of it."""
    folder = tmp_path_factory.mktemp("spectrograms")
    file = write_npz(folder / "a.npz", mel=spectrograms(48), **columns(48))
    assert main(["train", "--data", str(file), "--out", str(folder / "run"), *SMALL]) == 0
    return folder


def test_run_learns_the_band_of_a_genre_and_keeps_its_settings(made):
    run = Run(made / "run")
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["accuracy"] == 1.0 and metrics["tracks"] == 12
    values = json.loads((run / "config.json").read_text())
    assert values["input"] == "spectrogram" and not {"feature", "slice_seconds", "decoder"} & set(values)
    assert (values["n_bins"], values["slice_frames"], values["frames_per_second"]) == (BINS, 32, 4.0)
    facts = run.load_facts()
    assert facts["decoder_versions"].startswith("pillow ") and facts["resolved"]["n_bins"] == BINS
    assert main(["train", "--resume", "--out", str(run.folder)]) == 0


@pytest.mark.soak
def test_run_of_several_genres_a_track_trains_and_is_evaluated(tmp_path):
    several = np.array(["|".join(name for name in GENRES if name != genre) for genre in columns()["genre"]])
    arrays = {name: values for name, values in columns().items() if name != "genre"}
    np.savez(tmp_path / "a.npz", mel=spectrograms(), genres=several, **arrays)
    command = ["train", "--data", str(tmp_path / "a.npz"), "--out", str(tmp_path / "run"), *SMALL, "--epochs", "1"]
    assert main(command) == 0
    run = Run(tmp_path / "run")
    assert run.load_facts()["task"] == "multi" and "mean_average_precision" in json.loads(
        (run / "metrics.json").read_text()
    )


def test_export_answers_for_spectrograms_of_any_length(made):
    import tensorflow as tf

    from kgenre.serving.catalogue import open_model
    from kgenre.serving.keras_model import KerasModel
    from kgenre.serving.saved_model import SavedModel

    run, model = Run(made / "run"), open_model(made / "run")
    assert model.slice_spec == SPEC == run.load_settings().slice_spec
    module = tf.saved_model.load(str(model.path))
    about = {name: value.numpy() for name, value in module.signatures["about"]().items()}
    assert (about["input"], about["bins"], about["sample_rate"], about["slice_samples"]) == (
        b"spectrogram",
        32,
        4.0,
        32,
    )
    assert SavedModel.metadata_of_graph(model)["identity"] == model.identity
    trained = KerasModel(run.load_model(), run.load_task(), SPEC)
    for frames in (10, 32, 77):
        track = spectrograms(1, seed=frames)[0].T[:frames].astype("float32")
        served = module.signatures["serving_default"](spectrogram=track[None])
        expected = trained(cut_slices(track, SPEC))
        # float32 in two graphs
        np.testing.assert_allclose(served["slice_probabilities"][0], expected.probabilities, atol=1e-5)
        np.testing.assert_allclose(served["embedding"][0], expected.embeddings.mean(axis=0), atol=1e-4)
    empty = module.signatures["serving_default"](spectrogram=np.zeros((1, 0, BINS), "float32"))
    assert np.isfinite(empty["probabilities"]).all()


def test_predict_takes_members_arrays_and_pictures_and_refuses_songs(made, songs, capsys):
    values = spectrograms(48)[4]
    np.save(made / "x.npy", values)
    Image.fromarray(values[::-1]).save(made / "y.png")
    names = [str(made / "x.npy"), str(made / "y.png"), f"{made}/a.npz#4"]
    assert main(["predict", "--model", str(made / "run"), *names, "--format", "jsonl"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["path"] for record in records] == names
    assert len({json.dumps(record["probabilities"]) for record in records}) == 1
    assert (records[0]["genre"], records[0]["seconds"], records[0]["slices"]) == ("middle", 20.0, 3)
    song = str(songs["mono.wav"])
    assert main(["predict", "--model", str(made / "run"), song, f"{made}/a.npz#99", names[0]]) == 1
    err = capsys.readouterr().err
    assert "mono.wav: not the name of a spectrogram, which the model takes: " in err
    assert "a.npz#99: no such spectrogram: the file has those from 0 to 47." in err
    assert main(["predict", "--model", str(made / "run"), str(made / "a.npz"), "--format", "jsonl"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 48


def test_model_of_audio_refuses_a_spectrogram_in_one_line(run, made, capsys):
    np.save(made / "z.npy", spectrograms(1)[0])
    assert main(["predict", "--model", str(run.folder), str(made / "z.npy")]) == 1
    assert (
        "z.npy: an image or array, which is read as a spectrogram, where audio is wanted. Name a song."
        in capsys.readouterr().err
    )


def test_evaluate_and_embed_read_the_collection(made, capsys):
    from kgenre.embeddings.files import read_embeddings

    run, data = str(made / "run"), str(made / "a.npz")
    assert main(["evaluate", "--model", run, "--data", data, "--split", "valid", "--out", str(made / "valid")]) == 0
    assert json.loads((made / "valid" / "metrics.json").read_text())["accuracy"] == 1.0
    out = made / "e.npz"
    assert main(["embed", "--model", run, "--data", data, "--out", str(out)]) == 0
    assert main(["embed", "--model", run, "--data", data, "--out", str(out)]) == 0
    assert "48 tracks, 0 of them new" in capsys.readouterr().out
    held = read_embeddings(out, slices=False)
    assert held.table["path"].tolist() == [f"{data}#{index}" for index in range(48)]
    assert held.header["decoder_versions"].startswith("pillow ") and held.header["config"]["bins"] == BINS


def test_baseline_on_statistics_and_on_the_run(made, capsys):
    data = str(made / "a.npz")
    for on, accuracy in (("stats", 1.0), (str(made / "run"), 1.0)):
        out = made / f"baseline-{Path(on).name}"
        assert main(["baseline", "--on", on, "--data", data, "--classifier", "logistic", "--out", str(out)]) == 0
        assert json.loads((out / "metrics.json").read_text())["accuracy"] == accuracy
    assert main(["baseline", "--on", "stats", "--data", data, "--decoder", "ffmpeg", "--out", str(made / "x")]) == 2
    assert "`--decoder` is for audio" in capsys.readouterr().err


def test_spectrogram_statistics_are_means_and_deviations_of_bins_and_their_changes():
    values = spectrograms(1)[0].T
    found, changes = spectrogram_statistics(values), np.diff(values.astype(float), axis=0)
    expected = [values.mean(0), values.std(0), changes.mean(0), changes.std(0)]
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-6, atol=1e-6)  # float32
    assert np.isfinite(spectrogram_statistics(values[:1])).all()


def test_library_of_a_model_of_spectrograms_is_refused(made, collection, tmp_path):
    from kgenre.library.scan.scan import scan
    from kgenre.library.store import Library
    from kgenre.serving.catalogue import open_model

    text = refusal(scan, Library(tmp_path / "library.db"), collection, open_model(made / "run"))
    assert text.endswith("takes spectrograms, and a library is of songs. Name another --model.")


# Features
def test_features_of_a_collection_are_those_of_the_layer_and_train_a_model(collection, tmp_path, capsys):
    from kgenre.audio.track import read_samples
    from kgenre.features import FEATURES

    data, out = str(collection / "manifest.csv"), tmp_path / "mels"
    command = ["features", data, "--n-mels", "40", "--hop-length", "256", "--out", str(out), "--workers", "1"]
    assert main(command) == 0
    table = pd.read_csv(out / "manifest.csv", dtype=str)
    held = load_collection(f"spectrograms:{out}").table
    original = load_collection(data).table
    pd.testing.assert_frame_equal(held.drop(columns="path"), original.drop(columns="path"))
    row = FEATURES["logmel"]
    layer = row.build(22050, row.settings(n_mels=40, hop_length=256))
    samples = read_samples(original["path"][0], 22050).samples
    expected = np.asarray(layer(samples[None]))[0]
    np.testing.assert_allclose(read_spectrogram(held["path"][0]), expected, atol=1e-3)  # dB
    facts = json.loads((out / "spectrograms.json").read_text())
    assert facts["frames_per_second"] == 22050 / 256 and facts["value_range"] == [-80.0, 0.0]
    # Another version of the decoder made the others.
    (out / "spectrograms.json").write_text(json.dumps({**facts, "decoder_versions": "libsndfile 0.1"}))

    gone = out / table["path"][3]
    before = {name: (out / name).stat().st_mtime_ns for name in table["path"]}
    gone.unlink()
    assert main(command) == 0
    after = {name: (out / name).stat().st_mtime_ns for name in table["path"]}
    assert {name for name in after if after[name] != before[name]} == {table["path"][3]}
    assert main([*command, "--n-mels", "41"]) == 2
    assert "holds spectrograms with n_mels=40. Received: n_mels=41. Name another folder" in capsys.readouterr().err
    (out / "manifest.csv").unlink()
    assert "was stopped. Give its command again; it goes on." in refusal(load_collection, f"spectrograms:{out}")
    assert main(command) == 0

    small = "--arch melcrop --epochs 1 --batch-size 8 --crops-per-track 1 --augment none".split()
    assert main(["train", "--data", f"spectrograms:{out}", "--out", str(tmp_path / "run"), *small]) == 0
    values = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (values["n_bins"], values["slice_frames"], values["value_low"]) == (40, 128, -80.0)


def test_features_as_pictures_keep_the_values_to_half_a_step(collection, tmp_path):
    out = tmp_path / "pictures"
    common = ["features", str(collection / "manifest.csv"), "--n-mels", "40", "--workers", "1", "--out"]
    assert main([*common, str(out), "--format", "png"]) == 0
    assert main([*common, str(tmp_path / "arrays"), "--format", "npy16"]) == 0
    pictures, arrays = (load_collection(f"spectrograms:{folder}").table for folder in (out, tmp_path / "arrays"))
    for picture, array in list(zip(pictures["path"], arrays["path"]))[::6]:
        values = read_spectrogram(array)
        assert values.dtype == np.float16
        in_db = read_spectrogram(picture) / 255 * 80 - 80
        np.testing.assert_allclose(in_db, values, atol=80 / 255 / 2 + 0.04)  # half a step, and float16 near -80


def test_features_lists_what_fails_and_refuses_what_does_not_apply(collection, songs, tmp_path, capsys):
    (tmp_path / "broken.mp3").write_text("text")
    rows = load_collection(str(collection / "manifest.csv")).table[["path", "genre"]]
    rows.loc[len(rows)] = [str(tmp_path / "broken.mp3"), rows["genre"][0]]
    rows.to_csv(tmp_path / "all.csv", index=False)
    command = ["features", str(tmp_path / "all.csv"), "--feature", "mfcc", "--workers", "1"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    assert "broken.mp3: not an audio file that can be read" in capsys.readouterr().err
    assert len(pd.read_csv(tmp_path / "out" / "manifest.csv")) == len(rows) - 1
    for arguments, text in (
        (command, "all.csv: a collection needs a folder for its spectrograms. Name it with --out DIR."),
        ([*command, "--out", str(tmp_path)], "is not empty, and holds no spectrograms.json of `kgenre features`."),
        ([*command, "--start", "3", "--out", "x"], "`--start` is for a song. Received: --start and "),
        (["features", str(songs["mono.wav"]), "--format", "png"], "`--format` is for a collection. Received: "),
        (["features", f"spectrograms:{tmp_path}/out", "--out", f"{tmp_path}/b"], "holds spectrograms already; "),
    ):
        assert main(arguments) == 2
        assert text in capsys.readouterr().err
