#!/bin/sh
# Makes .venv-kserve, with a server that tests ask: KServe wants older pandas and protobuf than requirements.txt has.
# TensorFlow is not installed again: the server finds that of .venv, whose Python this must be.
set -e
cd "$(dirname "$0")/.."
.venv/bin/python -m venv .venv-kserve
.venv-kserve/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-kserve.txt
.venv-kserve/bin/python -c 'import kserve; print("kserve", kserve.__file__)'
