"""What a decoding process does with an upload: checks it, and sends its slices within limits of memory and size."""

import functools
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from kgenre.audio import decode
from kgenre.audio.decoders import AudioError
from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.audio.slicing import SliceSpec
from kgenre.audio.track import TrackSlices, count_steps
from kgenre.library.scan.protocol import Alive, Done, Failed

MIB = 1 << 20
LOWEST_HZ, HIGHEST_HZ = 1000, 1_000_000
BYTES_PER_SAMPLE = 4  # of decoded audio, which is float32


@dataclass(frozen=True)
class ReadSettings:
    """How uploads are read.

    spec: SliceSpec of the model.
    max_seconds: longest song.
    max_decoded_mib: largest size of its samples, of all channels at the file's own rate.
    max_memory_mib: what the process may take beyond what it has when it begins.
    """

    spec: SliceSpec
    max_seconds: float
    max_decoded_mib: int
    max_memory_mib: int
    policy: ReadPolicy = DEFAULT_POLICY


@dataclass(frozen=True)
class Started:
    """The file can be read, and has about as many slices."""

    slices: int


def read(path: str, settings: ReadSettings) -> Iterator:
    """The messages on one upload: Started, Alive, Slices, then Done; or Failed at any time."""
    prepare_process(settings.max_memory_mib)
    try:
        yield from _read(path, settings)
    except AudioError as error:
        yield Failed(error.cause)
    except MemoryError:
        yield Failed(f"needs more than {settings.max_memory_mib} MiB of memory to decode.")
        sys.exit(1)  # with what is left of its memory no further song should be tried


def _read(path: str, settings: ReadSettings) -> Iterator:
    spec, policy = settings.spec, settings.policy
    info = decode.probe(path, policy.decoder)
    if not LOWEST_HZ <= info.sample_rate <= HIGHEST_HZ:  # resampling from it takes minutes, or gigabytes
        raise AudioError(path, f"its header states {info.sample_rate} Hz, which is no sample rate of music.")
    bytes_per_second = info.sample_rate * info.channels * BYTES_PER_SAMPLE
    most_seconds = min(settings.max_seconds, settings.max_decoded_mib * MIB / bytes_per_second)
    if info.seconds > most_seconds:  # false where the header does not tell, which is NaN
        raise AudioError(path, _too_long(settings, info.seconds))
    steps = count_steps(path, spec.sample_rate, policy.decoder)
    length, taken = None, 0
    while length is None:
        try:
            next(steps)
            yield Alive()
        except StopIteration as end:
            length = end.value

    def stream(*arguments) -> Iterator:
        nonlocal taken
        for block in decode.stream(*arguments):
            taken += len(block)
            if taken > most_seconds * spec.sample_rate + spec.sample_rate:  # a header may state a little less
                raise AudioError(path, _too_long(settings, taken / spec.sample_rate))
            yield block

    slices = spec.count(length)
    yield Started(slices if policy.slices_per_track is None else min(slices, policy.slices_per_track))
    track = TrackSlices(path, spec, length, policy, stream)
    yield from track
    yield Done(track.facts)


def _too_long(settings: ReadSettings, seconds: float) -> str:
    return (
        f"too long: a song may have {settings.max_seconds / 60:g} minutes and {settings.max_decoded_mib} MiB when "
        f"decoded. This one has {seconds / 60:.1f} minutes or more."
    )


@functools.cache
def prepare_process(max_memory_mib: int) -> None:
    """Limits this process, once. What decoders print of other people's files is not for the server's terminal."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    limit_memory(max_memory_mib)


def limit_memory(mib: int) -> None:
    """Lets this process take no more than `mib` beyond what it has, where the system can limit it."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            held = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError):  # not Linux: the limits of time and of decoded size remain
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    given = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([held + mib * MIB, *given]), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not leave the song on the disk
