"""Runs the benchmarks named on the command line, or all that need no data, each in a process of its own.

One that needs data is named alone, with its own options: `python -m benchmarks unsure --help`.
"""

import subprocess
import sys

BENCHMARKS = {
    "start": "import and --help",
    "decoding": "decoders against libsndfile, by format",
    "logmel": "log-mel layer against librosa",
    "pipeline": "decode alone against decode, front end and convpool",
    "step": "a training step of convpool against the same network in PyTorch",
    "input_wait": "what training waits for its input, from files and from shards",
    "library": "scans of music against its bare decoding, their memory, and of 100 000 unchanged tracks",
    "large_library": "a library of 10 000 invented tracks: size, nearest songs, re-scan, page, map",
    "page": "the library's page with 100 000 invented tracks: ready, names, frames a second",
    "runtimes": "predict through LiteRT and TensorFlow: one song, a folder, quantized files",
    "engines": "embedding by Ray against this process: rate on the same cores, memory",
    "shards": "shards against other forms and against the files: size, random slices a second, memory",
    "backends": "a training step on TensorFlow, JAX and PyTorch",
    "memory": "peak memory of training against the size of the collection",
}

# What is measured on songs, files or devices that the options name.
WITH_OPTIONS = {
    "accelerator": "clips a second on the device of Keras's backend, and their share of what it can",
    "architectures": "every network trained for the same time on the same tracks",
    "augmentations": "draws every augmentation, each on the same slice of a song",
    "averaged": "several runs and classic classifiers, each and their mean answer",
    "calibration": "what a temperature does to the probabilities of classifiers, in folds by artist",
    "corrections": "what a retrained head learns from corrections, and what it changes",
    "duplicates": "copies are made of every N-th track, and the pairs counted that are found",
    "free_music": "downloads the free music that the default network was fitted to",
    "planted_labels": "labels of some tracks are replaced, and rankings of suspicious tracks compared",
    "pretraining": "few labels with and without pre-training, and a linear probe of it",
    "purity": "how many of the five nearest of each track have its style, its album",
    "report_page": "seconds in which the page of a report opens, against an empty page",
    "shipped_heads": "the models of the package in folds by artist, with heads fitted as theirs were",
    "tag_agreement": "a model's tags against those of the models that it was made from",
    "teachers": "embeddings of models, mixtures of them, and heads, on valid and in folds by artist",
    "unsure": "what becomes unsure: songs of the genres, and sounds that are none of them",
}


def main(names: list[str]) -> int:
    if names and names[0] in WITH_OPTIONS:
        return subprocess.run([sys.executable, "-m", f"benchmarks.{names[0]}", *names[1:]]).returncode
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        known = f"{', '.join(BENCHMARKS)}; with options of their own, one at a time: {', '.join(WITH_OPTIONS)}"
        print(f"unknown benchmark {unknown[0]!r}. Known: {known}.", file=sys.stderr)
        return 2
    for name in names or BENCHMARKS:
        print(f"\n{name}: {BENCHMARKS[name]}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
