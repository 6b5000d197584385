"""Runs the benchmarks named on the command line, or all of them, each in a process of its own."""

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


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"unknown benchmark {unknown[0]!r}. Known: {', '.join(BENCHMARKS)}.", file=sys.stderr)
        return 2
    for name in names or BENCHMARKS:
        print(f"\n{name}: {BENCHMARKS[name]}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
