#!/bin/sh
# Makes .venv-tfio, the environment in which tensorflow-io works. PYTHON names a Python 3.11.
set -e
cd "$(dirname "$0")/.."
PYTHON="${PYTHON:-python3.11}"
"$PYTHON" -c 'import sys; v = sys.version_info[:2]; sys.exit(None if v == (3, 11) else f"requirements-tfio.txt is for Python 3.11; this is {v[0]}.{v[1]}. Try: PYTHON=python3.11")'
"$PYTHON" -m venv .venv-tfio
.venv-tfio/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-tfio.txt
.venv-tfio/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
TF_CPP_MIN_LOG_LEVEL=3 .venv-tfio/bin/python -c 'from kgenre.audio.decoders import decoder_versions; print(decoder_versions("tfio"))'
