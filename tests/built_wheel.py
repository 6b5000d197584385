"""The wheel of the package, built from what git knows of the checkout."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def build_wheel(folder: Path) -> Path:
    """Skips the test outside of a git checkout."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    # From a copy: setuptools leaves build/ behind, and takes what it finds there into the next wheel.
    source = folder / "source"
    files = subprocess.run(["git", "ls-files", "kgenre", "pyproject.toml", "README.md", "LICENSE"], cwd=ROOT,
                           capture_output=True, text=True, check=False)  # fmt: skip
    if files.returncode:
        pytest.skip("not a git checkout: which files belong to the package is not known")
    for name in files.stdout.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([*command, "--no-build-isolation", "--wheel-dir", folder, source], check=True)
    return next(folder.glob("kgenre-*.whl"))
