"""The check of an export without a process of its own, which takes 6 to 9 seconds, for it imports TensorFlow again."""

import sys
from unittest.mock import patch

from kgenre.serving.exporters import verify

run_apart = verify.run_apart  # before any fixture replaces it


def run_here(program: str, *arguments: str) -> None:
    """Runs a program in this process as `verify.run_apart` does in another."""
    with patch.object(sys, "argv", ["-c", *arguments]):
        exec(compile(program, "<answer>", "exec"), {"__name__": "__main__"})
