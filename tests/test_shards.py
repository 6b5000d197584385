"""Shards: samples against their source, checksums, readers, memory."""

import dataclasses
import hashlib
import json
import os
import shutil
import tracemalloc

import numpy as np
import pytest
from audio_files import music, tone, write_sound
from prepared_sets import RATE, flip, rounding_bound

from kgenre.audio.decode import decode, probe, stream
from kgenre.audio.decoders import AudioError
from kgenre.audio.facts import SILENT
from kgenre.audio.inputs import container, is_in_shard, is_spectrogram, split_shard, track_name
from kgenre.audio.policy import ReadPolicy
from kgenre.audio.reader import TrackReader, check_files
from kgenre.audio.shards import BLOCK, TRAILER, Shard, encode_block, open_shard
from kgenre.audio.slicing import SliceSpec
from kgenre.audio.tags import Tags, read_tags
from kgenre.audio.verified import damaged_shards
from kgenre.preparation.plan import ShardPlan
from kgenre.preparation.shard_writer import in_blocks, write_shard

SPEC = SliceSpec(RATE, 2 * RATE, RATE)


def write(folder, *files, rate: int = RATE) -> ShardPlan:
    """A shard of files in a folder; what it says of itself is in its JSON file."""
    plan = ShardPlan.of_files(folder, 0, files, rate)
    write_shard(plan)
    return plan


def member(plan: ShardPlan, index: int) -> str:
    return f"{plan.file}#{index}"


@pytest.fixture(scope="module")
def songs_of_all_formats(songs):
    return list(songs.values())


@pytest.fixture(scope="module")
def shard(songs_of_all_formats, tmp_path_factory):
    return write(tmp_path_factory.mktemp("shard"), *songs_of_all_formats)


@pytest.mark.parametrize(
    ("path", "file", "index"),
    [
        ("a.shard#5", "a.shard", 5),
        ("/x/a#b.shard#07", "/x/a#b.shard", 7),
        ("a.shard#5#t=0,7.4", "a.shard", 5),
        ("a.shard", "a.shard", None),
        ("a.npz#5", "a.npz#5", None),
        ("song.mp3#5", "song.mp3#5", None),
    ],
)
def test_split_shard_gives_file_and_index(path, file, index):
    assert split_shard(path) == (file, index) and is_in_shard(path) == (index is not None)
    if index is not None:
        assert str(container(path)) == file and not is_spectrogram(path)
        assert track_name(path) == os.path.basename(path)


# Samples
def test_shard_of_every_format_holds_what_the_file_decodes_to(shard, songs_of_all_formats):
    own = open_shard(str(shard.file))
    assert own.sample_rate == RATE and len(own) == len(songs_of_all_formats)
    for index, song in enumerate(songs_of_all_formats):
        whole = decode(song, RATE).samples
        held = decode(member(shard, index), RATE)
        assert held.samples.dtype == np.float32 and len(held.samples) == len(whole)
        assert np.abs(held.samples - whole).max() <= rounding_bound(whole), song
        info = probe(member(shard, index))
        assert (info.sample_rate, info.channels, info.format) == (RATE, 1, "shard int16")
        assert info.seconds == len(whole) / RATE


def test_16_bit_audio_at_the_rate_comes_back_to_the_bit(tmp_path):
    write_sound(tmp_path / "a.wav", music(5.0, RATE, 1), RATE, subtype="PCM_16")
    plan = write(tmp_path, tmp_path / "a.wav")
    np.testing.assert_array_equal(decode(member(plan, 0), RATE).samples, decode(tmp_path / "a.wav", RATE).samples)


def test_overs_and_full_scale_do_not_wrap(tmp_path):
    wave = np.clip(4 * tone(441, 2.0, RATE), -1.5, 1.5)
    write_sound(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    plan = write(tmp_path, tmp_path / "a.wav")
    held = decode(member(plan, 0), RATE).samples
    assert np.abs(held - np.clip(wave[:, 0], -1, 1)).max() <= 2.0**-15 * 1.001  # +1.0 itself, and float32


@pytest.mark.parametrize("level", [1.0, 0.7, 0.01, 3e-4, 1e-7, 0.0])
def test_block_is_rounded_relative_to_its_peak(level):
    samples = (level * np.random.default_rng(0).uniform(-1, 1, 1000)).astype("float32")
    data, exponent = encode_block(samples)
    back = np.frombuffer(data, "<i2") * 2.0 ** (exponent - 15)
    peak = np.abs(samples).max()
    assert np.abs(back - samples).max() <= max(peak * 2.0**-15, 1e-37)
    assert exponent <= 0


@pytest.mark.parametrize("sizes", [[1], [BLOCK], [BLOCK - 1, 2, 3 * BLOCK], [], [5, 5, 5]])
def test_in_blocks_cuts_any_pieces(sizes):
    pieces = [np.arange(size, dtype="float32") for size in sizes]
    found = list(in_blocks(iter(pieces), BLOCK))
    np.testing.assert_array_equal(np.concatenate([*found, []]), np.concatenate([*pieces, []]))
    assert all(len(block) == BLOCK for block in found[:-1]) and all(len(block) for block in found)


def test_read_at_the_edges_of_blocks_is_that_part(shard):
    own = open_shard(str(shard.file))
    whole = own.read(1, 0, own.count(1))
    for first in (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, own.count(1) - 1):
        for last in (first, first + 1, BLOCK, 2 * BLOCK, own.count(1), own.count(1) + 5):
            np.testing.assert_array_equal(own.read(1, first, last), whole[first:last])


def test_file_that_fails_leaves_nothing_in_the_shard(tmp_path, faulty, songs):
    bad = ["zero_bytes.mp3", "text.mp3", "silence.flac", "opposite.flac", "nan.wav", "10_ms.wav", "dither.wav"]
    good = [songs["cbr.mp3"], songs["pcm16.wav"]]
    (tmp_path / "mixed").mkdir()
    (tmp_path / "clean").mkdir()
    mixed = write(
        tmp_path / "mixed", *(faulty / name for name in bad[:4]), good[0], *(faulty / n for n in bad[4:]), good[1]
    )
    clean = write(tmp_path / "clean", *good)
    size = 2 * int(open_shard(clean.file).starts[-1])
    assert mixed.file.read_bytes()[:size] == clean.file.read_bytes()[:size]
    np.testing.assert_array_equal(open_shard(mixed.file).sums, open_shard(clean.file).sums)
    assert open_shard(mixed.file).sources.tolist() == [4, 8]
    facts = json.loads(mixed.facts_file.read_text())
    assert [number for number, *_ in facts["tracks"]] == [4, 8]
    assert set(facts["failures"]) == {"0", "1", "2", "3", "5", "6", "7"}
    assert facts["failures"]["2"] == facts["failures"]["7"] == SILENT
    assert facts["sha256"] == hashlib.sha256(mixed.file.read_bytes()).hexdigest()


# Damage
def test_flipped_byte_anywhere_is_found(tmp_path):
    write_sound(tmp_path / "a.wav", music(4.0, RATE, 1), RATE)
    plan = write(tmp_path, tmp_path / "a.wav", tmp_path / "a.wav")
    size, rng = plan.file.stat().st_size, np.random.default_rng(0)
    tables = range(size - TRAILER.size - 5 * 8 - 5 * len(open_shard(str(plan.file)).sums), size)
    for place in [*rng.integers(0, size, 60), *tables]:
        flip(plan.file, int(place))
        with pytest.raises(AudioError) as caught:
            Shard(str(plan.file)).verify()
        cause = caught.value.cause
        assert cause.startswith("shard-00000.shard is ") and "\n" not in cause
        assert f"`kgenre prepare --out {tmp_path} --verify` writes it again." in cause
        flip(plan.file, int(place))
    Shard(str(plan.file)).verify()


def test_damaged_block_stops_the_use_of_the_whole_shard(tmp_path):
    write_sound(tmp_path / "a.wav", music(4.0, RATE, 1), RATE)
    plan = write(tmp_path, *[tmp_path / "a.wav"] * 3)
    own = open_shard(str(plan.file))
    before = os.stat(plan.file)
    flip(plan.file, 2 * int(own.starts[1]) + 2 * BLOCK + 7)  # second block of the second track
    os.utime(plan.file, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a disk does that loses a bit
    reader = TrackReader(SPEC, 1 << 30)
    assert len(reader.crop(member(plan, 0), 0.0)) == 2 * RATE  # undamaged blocks, before it is known
    with pytest.raises(AudioError, match="its block 7 of 18 is not what its checksum says"):
        reader.crop(member(plan, 1), 0.0)
    for index in range(3):
        with pytest.raises(AudioError, match="none of its tracks is used"):
            reader.crop(member(plan, index), 1.0)
    assert list(reader.slices(member(plan, 2))) == [] and "is damaged" in reader.failures[member(plan, 2)]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_cut_or_missing_shard_is_one_line(tmp_path, shard, share):
    file = tmp_path / "shard-00000.shard"
    file.write_bytes(shard.file.read_bytes()[: int(share * shard.file.stat().st_size)])
    with pytest.raises(AudioError, match=r"shard-00000\.shard is cut, or no shard.*--verify` writes it again\."):
        probe(f"{file}#0")
    file.unlink()
    with pytest.raises(AudioError, match=r"is missing; none.*`kgenre prepare --out \S+` writes it again\."):
        probe(f"{file}#0")


def test_shard_that_is_cut_while_it_is_open_is_an_error_and_no_signal(tmp_path, shard):
    file = tmp_path / "shard-00000.shard"
    shutil.copy(shard.file, file)
    own = open_shard(str(file))
    os.truncate(file, 1000)
    with pytest.raises(AudioError, match="is cut: it ends within its samples"):
        own.read(3, 0, 5 * BLOCK)


def test_track_that_the_shard_lacks_is_named(shard):
    with pytest.raises(AudioError, match=r"has no track 999: it holds 22;"):
        probe(member(shard, 999))


def test_verified_shards_are_not_read_again_until_they_change(tmp_path, shard, monkeypatch):
    file = tmp_path / "shard-00000.shard"
    shutil.copy(shard.file, file)
    read = []
    monkeypatch.setattr(Shard, "verify", lambda own, sha256: read.append(own.path))
    for again in (False, False, True):
        assert damaged_shards([str(file)], 2, again) == {}
    assert len(read) == 2  # at first, and when asked again
    os.utime(file, ns=(5, 5))
    assert damaged_shards([str(file)], 2) == {} and len(read) == 3


def test_verified_list_that_is_none_is_read_again(tmp_path, shard):
    file = tmp_path / "shard-00000.shard"
    shutil.copy(shard.file, file)
    (tmp_path / "verified.json").write_text("[]")
    assert damaged_shards([str(file)], 1) == {}
    assert json.loads((tmp_path / "verified.json").read_text()).keys() == {file.name}


def test_shard_under_the_name_of_another_is_refused(tmp_path, shard):
    file = tmp_path / "shard-00003.shard"
    shutil.copy(shard.file, file)
    with pytest.raises(AudioError, match="is not the shard of its name, but number 0"):
        open_shard(file)


def test_shard_of_another_digest_is_not_the_one_that_was_written(tmp_path, shard):
    file = tmp_path / "shard-00000.shard"
    shutil.copy(shard.file, file)
    own = json.loads(shard.facts_file.read_text())["sha256"]
    assert damaged_shards([str(file)], 1, again=True, digests={str(file): own}) == {}
    (error,) = damaged_shards([str(file)], 1, again=True, digests={str(file): "0" * 64}).values()
    assert "is not the file that was written: its SHA-256 is another" in error.cause


def test_length_that_is_guessed_is_not_what_a_header_says(tmp_path):
    write_sound(tmp_path / "a.wav", music(1.0, RATE, 1), RATE)
    plan = ShardPlan.of_files(tmp_path, 0, [tmp_path / "a.wav"], RATE)
    for is_stated in (False, True):
        source = dataclasses.replace(plan.sources[0][1], samples=5 * RATE, is_stated=is_stated)
        facts = write_shard(dataclasses.replace(plan, sources=((0, source),)))
        assert bool(facts["notes"]) == is_stated


def test_check_files_names_the_shard_with_a_flipped_byte(tmp_path, shard):
    file = tmp_path / "shard-00000.shard"
    shutil.copy(shard.file, file)
    paths = [f"{file}#{index}" for index in range(22)]
    steps = []
    assert check_files(paths, 2, lambda: steps.append(1)) == {} and len(steps) == 22
    flip(file, 1_000_001)
    failures = check_files(paths, 2)
    assert set(failures) == set(paths) and all("is damaged: its block" in cause for cause in failures.values())


# Readers
@pytest.mark.parametrize("cache", [0, 1 << 30])
def test_crops_are_those_of_the_files(shard, songs_of_all_formats, cache):
    from_shard, from_files = TrackReader(SPEC, cache), TrackReader(SPEC, 1 << 30)
    for index, song in enumerate(songs_of_all_formats):
        stated, held = round(probe(song).seconds * RATE), open_shard(str(shard.file)).count(index)
        for position in (0.0, 0.31, 1.0) if stated == held else (0.0,):  # of an .m4a the header states a little more
            wanted = from_files.crop(str(song), position)
            found = from_shard.crop(member(shard, index), position)
            assert np.abs(found - wanted).max() <= rounding_bound(wanted) + 1e-7, song
    assert from_shard.cache.used == 0  # never kept


def test_slices_are_those_of_the_file(shard, songs):
    index = list(songs).index("cbr.mp3")
    for policy in (ReadPolicy(), ReadPolicy(2)):
        a = list(TrackReader(SPEC, policy=policy).slices(member(shard, index)))
        b = list(TrackReader(SPEC, policy=policy).slices(str(songs["cbr.mp3"])))
        assert [one.start for one in a] == [one.start for one in b]
        assert np.abs(np.stack([x.samples - y.samples for x, y in zip(a, b)])).max() <= 2.0**-16 + 1e-6


def test_part_of_a_track_is_cut_at_its_seconds(shard):
    whole = decode(member(shard, 2), RATE).samples
    part = np.concatenate(list(stream(f"{member(shard, 2)}#t=1.5,3.5", RATE)))
    np.testing.assert_array_equal(part, whole[round(1.5 * RATE) : round(3.5 * RATE)])
    crop = TrackReader(SPEC).crop(f"{member(shard, 2)}#t=1.5,5", 1.0)
    np.testing.assert_array_equal(crop, whole[3 * RATE : 5 * RATE])


def test_other_rate_is_resampled_and_kept_with_one_warning(shard, songs, caplog):
    spec = SliceSpec(16000, 32000, 16000)
    reader, index = TrackReader(spec, 1 << 30), list(songs).index("pcm24.flac")
    for own in (index, index, index + 1):
        found = reader.crop(member(shard, own), 0.2)
    assert reader.cache.used and reader.decoded == 2
    wanted = TrackReader(spec, 1 << 30).crop(str(songs["song.aiff"]), 0.2)
    assert found.shape == wanted.shape and np.corrcoef(found, wanted)[0, 1] > 0.999  # resampled twice
    lines = [record.message for record in caplog.records if "prepared at 22050 Hz" in record.message]
    assert len(lines) == 1 and "--sample-rate-hz 16000" in lines[0]


def test_tags_of_a_track_of_a_shard_are_none(shard):
    assert read_tags(member(shard, 0)) == Tags()


def test_memory_of_reading_does_not_grow_with_the_tracks(tmp_path):
    write_sound(tmp_path / "a.wav", music(3.0, RATE, 1), RATE)
    plan = write(tmp_path, *[tmp_path / "a.wav"] * 100)
    for number in range(1, 200):
        os.link(plan.file, tmp_path / f"{number}.shard")
    rng, peaks = np.random.default_rng(0), {}
    for n_shards in (10, 200):  # 1 000 and 20 000 tracks
        reader = TrackReader(SPEC)
        tracemalloc.start()
        for _ in range(600):
            file = rng.integers(1, n_shards)
            reader.crop(f"{tmp_path}/{file}.shard#{rng.integers(100)}", rng.random())
        peaks[n_shards] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    per_shard = (peaks[200] - peaks[10]) / 190
    assert per_shard < 16 << 10, peaks  # 5 KiB of tables, and its names: nothing of 13 MB of samples
