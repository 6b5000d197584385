"""Seconds from the shell's prompt to the answer of --help, against a bare Python and TensorFlow's import."""

import subprocess
import sys

from benchmarks.timing import best_rates

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import kgenre": ["-c", "import kgenre"],
    "kgenre.train --help": ["-m", "kgenre.train", "--help"],
    "kgenre.predict --help": ["-m", "kgenre.predict", "--help"],
    "import tensorflow": ["-c", "import tensorflow"],
}


def runner(arguments: list[str]):
    def run() -> int:
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        return 1

    return run


if __name__ == "__main__":
    rates = best_rates({name: runner(arguments) for name, arguments in COMMANDS.items()}, rounds=3)
    for name, rate in rates.items():
        print(f"  {name:<24} {1 / rate:6.2f} s   {rates['import tensorflow'] / rate:5.2f} of import tensorflow")
