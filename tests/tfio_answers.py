"""What kgenre decodes with tensorflow-io in the environment of this process: arrays and words, saved for test_tfio.py.

Run as: python tfio_answers.py FILES.json OUT.npz, where FILES.json holds {"good": {name: path}, "faulty": {name: path},
"long": path, "breaks": path}.
"""

import itertools
import json
import os
import resource
import sys
from pathlib import Path

import numpy as np

from kgenre.audio import tfio
from kgenre.audio.decode import decode, probe, stream
from kgenre.audio.decoders import decoder_versions
from kgenre.core.errors import KgenreError

RATE = 22050
STARTS = (0.05, 1.234567, 3.3, 6.5)


def answers(files: dict[str, str]) -> dict:
    """{"NAME: kind": array} of each file; {"NAME: error": line} of those that cannot be decoded."""
    found = {}
    for name, path in files.items():
        try:
            whole = decode(path, RATE, decoder="tfio")
            info = probe(path, decoder="tfio")
        except KgenreError as error:
            found[f"{name}: error"] = str(error)
            continue
        found[f"{name}: whole"] = whole.samples
        found[f"{name}: flags"] = " ".join(whole.flags)
        found[f"{name}: probe"] = np.array([info.seconds, info.sample_rate, info.channels])
        for start in STARTS:
            if start < info.seconds - 0.1:
                found[f"{name}: from {start}"] = decode(path, RATE, start, 1.0, decoder="tfio").samples
    return found


def until_fault(path: str):
    """The blocks of a file, up to where it breaks."""
    try:
        yield from stream(path, RATE, decoder="tfio")
    except KgenreError:
        return


def joined(blocks) -> np.ndarray:
    return np.concatenate([np.zeros(0, "float32"), *blocks])


def at_once(paths: list[str]) -> list[np.ndarray]:
    """The files decoded in turns, a block of each, all open at the same time."""
    sources = [until_fault(path) for path in paths]
    parts = [[] for _ in paths]
    for blocks in itertools.zip_longest(*sources):
        for part, block in zip(parts, blocks):
            if block is not None:
                part.append(block)
    return [joined(part) for part in parts]


def megabytes_of_streaming(path: str) -> float:
    """By how much a long file raises the largest memory of this process."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in until_fault(path):
        pass
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main(listed: str, out: str) -> None:
    files = json.loads(Path(listed).read_text())
    good, long, breaks = files["good"], files["long"], files["breaks"]
    found = answers(good | files["faulty"])
    found |= {f"{name}: in turns": samples for name, samples in zip(good, at_once(list(good.values())))}
    descriptors = len(os.listdir("/proc/self/fd"))
    for path in list(good.values()) * 3:
        probe(path, decoder="tfio")
    found["descriptors"] = np.array([descriptors, len(os.listdir("/proc/self/fd"))])
    found["slots"] = np.array([tfio._SLOTS.made, len(good)])
    found["beginning"] = joined(until_fault(breaks))
    found["megabytes"] = np.array(megabytes_of_streaming(long))
    found["versions"] = decoder_versions("tfio")
    np.savez(out, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
