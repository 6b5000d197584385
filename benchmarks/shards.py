"""Shards against other forms and against the files: size, random slices a second, memory.

    python -m benchmarks.shards [FOLDER]

FOLDER holds songs to measure with; without it there are composed ones, whose noise says little of the size of FLAC.
Seconds are of CPU time, so that other work on the machine does not count.
"""

import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.peak import peak_mib
from benchmarks.timing import best_rates, show
from kgenre.audio.decode import decode, probe
from kgenre.audio.decoders import AudioError
from kgenre.audio.reader import TrackReader
from kgenre.audio.shards import open_shard
from kgenre.audio.slicing import SliceSpec
from kgenre.audio.walk import find_audio_files
from kgenre.preparation.plan import ShardPlan
from kgenre.preparation.shard_writer import write_shard

RATE, SECONDS, SLICES, MOST_SONGS, MOST_SECONDS = 22050, (3, 6), 200, 100, 60
MOST_PREPARED, LEAST_SECONDS = 24, 6  # songs that are compared with their shard: no shorter than a crop
RECORD = 10 * RATE  # samples of a record or a FLAC block
SIZES, CROPS, TRACKS_A_SHARD = (1000, 20000), 4000, 190  # of 30 s, in a shard of 256 MB
ARRAY_RECORDS = {
    "ArrayRecord, int16": ("group_size:1,uncompressed", False),
    "ArrayRecord, int16, zstd": ("group_size:1,zstd:3", False),
    "ArrayRecord, FLAC": ("group_size:1,uncompressed", True),
}


def flac(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def unflac(data: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(data), dtype="int16")[0]


def from_records(get: Callable[[int], np.ndarray]) -> Callable[[int, int], np.ndarray]:
    """(first, samples) -> float32 of records of RECORD samples."""

    def read(first: int, n: int) -> np.ndarray:
        numbers = range(first // RECORD, (first + n - 1) // RECORD + 1)
        joined = np.concatenate([get(number) for number in numbers])
        return joined[first - numbers.start * RECORD :][:n].astype("float32") / 2**15

    return read


def forms(folder: Path, shard: Path) -> tuple[dict[str, Callable], dict[str, Path]]:
    """Of one stream of audio {form: (first, samples) -> float32 (samples,)}, and {form: its file}."""
    own = open_shard(str(shard))
    samples = np.round(own.read(0, 0, own.count(0)) * 2**15).clip(-(2**15), 2**15 - 1).astype("<i2")
    records = [samples[first : first + RECORD] for first in range(0, len(samples), RECORD)]
    np.save(folder / "mapped.npy", samples)
    mapped = np.load(folder / "mapped.npy", mmap_mode="r")
    blocks = [flac(record) for record in records]
    (folder / "blocks.flac").write_bytes(b"".join(blocks))
    places, file = np.cumsum([0, *map(len, blocks)]), os.open(folder / "blocks.flac", os.O_RDONLY)

    def flac_block(number: int) -> np.ndarray:
        return unflac(os.pread(file, places[number + 1] - places[number], places[number]))

    read = {
        "shard, int16, each block checked": lambda first, n: own.read(0, first, first + n),
        "int16, mapped, unchecked": lambda first, n: mapped[first : first + n].astype("float32") / 2**15,
        "FLAC in blocks of 10 s": from_records(flac_block),
    }
    files = dict(zip(read, (shard, folder / "mapped.npy", folder / "blocks.flac")))
    try:
        from array_record.python import array_record_module as array_record
    except ImportError:
        print("  ArrayRecord is left out: array_record is not installed")
        return read, files
    for number, (name, (options, is_flac)) in enumerate(ARRAY_RECORDS.items()):
        files[name] = folder / f"{number}.array_record"
        writer = array_record.ArrayRecordWriter(str(files[name]), options)
        for record in records:
            writer.write(flac(record) if is_flac else record.tobytes())
        writer.close()
        reader = array_record.ArrayRecordReader(str(files[name]), "readahead_buffer_size:0")

        def get(number: int, reader=reader, is_flac=is_flac) -> np.ndarray:
            data = reader.read([number])[0]
            return unflac(data) if is_flac else np.frombuffer(data, "<i2")

        read[name] = from_records(get)
    return read, files


def compare_forms(folder: Path, songs: list[str]) -> None:
    stream = folder / "stream.flac"
    with soundfile.SoundFile(stream, "w", RATE, 1) as file:
        for song in songs:
            file.write(decode(song, RATE, seconds=MOST_SECONDS).samples)
    plan = ShardPlan.of_files(folder, 0, [stream], RATE)
    hours = write_shard(plan)["samples"] / RATE / 3600
    read, files = forms(folder, plan.file)
    print(f"  {hours:.2f} hours at {RATE} Hz, mono")
    for name, file in files.items():
        print(f"  {name:<44} {file.stat().st_size / 1e6 / hours:9.1f} MB an hour")
    total, rng = int(hours * 3600 * RATE), np.random.default_rng(0)
    for seconds in SECONDS:
        for threads in (1, 2):
            starts = [rng.integers(0, total - seconds * RATE, SLICES // threads) for _ in range(threads)]

            def run(one: Callable, n=seconds * RATE, starts=starts) -> int:
                with ThreadPoolExecutor(len(starts)) as pool:
                    list(pool.map(lambda own: [one(int(first), n) for first in own], starts))
                return sum(map(len, starts))

            print(f"  random slices of {seconds} s, {threads} thread{'s' if threads > 1 else ''}")
            runs = {name: lambda one=one: run(one) for name, one in read.items()}
            show(best_rates(runs, 3, time.process_time), "slices/s", "shard, int16, each block checked")


def compare_with_files(folder: Path, songs: list[str]) -> None:
    """Random crops by the reader that training has, from the songs and from a shard of them."""
    songs = [song for song in songs if probe(song).seconds >= LEAST_SECONDS][:MOST_PREPARED]
    if not songs:
        return print(f"  not compared with files: no song has {LEAST_SECONDS} s")
    plan = ShardPlan.of_files(folder, 1, songs, RATE)
    began = time.process_time()
    facts = write_shard(plan)
    spent = time.process_time() - began
    print(f"  prepared in one process at {facts['samples'] / RATE / spent:.0f} times real time")
    members = [f"{plan.file}#{index}" for index in range(len(facts["tracks"]))]
    files = [songs[number] for number, *_ in facts["tracks"]]
    spec, rng = SliceSpec(RATE, round(5.94 * RATE), RATE), np.random.default_rng(0)
    positions = rng.random(50)

    def crops(paths: list[str]) -> int:
        with ThreadPoolExecutor(1) as pool:  # as in training: malloc gives what a thread frees back to the system
            chosen = rng.choice(paths, len(positions))
            list(pool.map(lambda path, position: reader.crop(str(path), position), chosen, positions))
        return len(positions)

    reader = TrackReader(spec)
    print("  random crops of 5.94 s by the reader, one thread, no cache")
    runs = {"files": lambda: crops(files), "shards": lambda: crops(members)}
    show(best_rates(runs, 3, time.process_time), "crops/s", "files")


def read_many(folder: str, n_tracks: int) -> None:
    """Reads as many crops of a set whatever its size."""
    from kgenre.training.plan import TrainingPlan

    shards = -(-n_tracks // TRACKS_A_SHARD)
    for number in range(1, shards):  # names alone: what is read does not stay in the process
        if not (link := Path(folder) / f"{number}.shard").exists():
            os.link(Path(folder) / "0.shard", link)
    paths = [f"{folder}/{number // TRACKS_A_SHARD}.shard#{number % TRACKS_A_SHARD}" for number in range(n_tracks)]
    reader = TrackReader(SliceSpec(RATE, round(5.94 * RATE), RATE))
    order, positions = TrainingPlan(n_tracks, 4, 32, seed=0).epoch(0)
    for track, position in zip(order[:CROPS], positions):
        reader.crop(paths[track], float(position))


def compare_memory(folder: Path) -> None:
    soundfile.write(folder / "one.wav", 0.1 * np.random.default_rng(0).standard_normal(30 * RATE), RATE)
    plan = ShardPlan.of_files(folder, 0, [folder / "one.wav"] * TRACKS_A_SHARD, RATE)
    write_shard(plan)
    plan.file.rename(folder / "0.shard")
    peaks = {}
    for size in SIZES:
        peaks[size], _ = peak_mib(["-m", "benchmarks.shards", "--read", str(folder), str(size)])
    print(f"  {CROPS} crops of the plan of an epoch, tracks of 30 s")
    for size, peak in peaks.items():
        print(f"  {size:6d} tracks   peak {peak:6.1f} MiB   {peak / peaks[SIZES[0]]:5.2f} x the smallest")


def composed(folder: Path) -> list[str]:
    from benchmarks.pipeline import write_songs  # brings TensorFlow, which nothing here needs

    return write_songs(folder)


def usable(songs: list[str]) -> list[str]:
    """Those that can be decoded, MOST_SONGS of them at most."""
    found = []
    for song in songs:
        try:
            decode(song, RATE, seconds=1.0)
            found.append(song)
        except AudioError:
            continue
        if len(found) == MOST_SONGS:
            break
    return found


def main(folder: str | None = None) -> None:
    with tempfile.TemporaryDirectory() as place:
        parts = {name: Path(place) / name for name in ("songs", "forms", "files", "memory")}
        for part in parts.values():
            part.mkdir()
        songs = usable([str(path) for path in find_audio_files(folder)]) if folder else composed(parts["songs"])
        compare_forms(parts["forms"], songs)
        compare_with_files(parts["files"], songs)
        compare_memory(parts["memory"])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read_many(sys.argv[2], int(sys.argv[3]))
    else:
        main(*sys.argv[1:])
