# Two commands: `make demo` and `make test`. Both make .venv first where it is missing.

PYTHON ?= python3
BIN := .venv/bin
RUN := models/demo
# What `make test` runs; `make soak` runs all.
NOTEBOOKS := notebooks/04_library_map.ipynb

.PHONY: demo test soak bench lint tfio kserve clean help

help:
	@echo "make demo   install, compose the demo collection, train, evaluate, export, predict a song"
	@echo "make test   install with the test tools, run the tests"
	@echo "make soak   the long forms of heavy tests, all notebooks, and a wheel in an empty environment"
	@echo "make bench  measure speed and memory, as ratios within one run"
	@echo "make lint   ruff and import-linter; make test runs them too"
	@echo "make tfio   an environment of its own for --decoder tfio (docs/decoding.md)"
	@echo "make kserve an environment of its own for a server that tests of kgenre client ask"
	@echo "make clean  remove .venv, the demo collection and the demo run"

demo: .venv/installed
	@if [ -e $(RUN)/config.json ]; then $(BIN)/python -m kgenre.train --resume --out $(RUN); \
	else $(BIN)/python -m kgenre.train --config demo --out $(RUN); fi
	@echo; echo "A song of the test split, which the model was not trained on:"
	$(BIN)/python -m kgenre.predict --model $(RUN) "$$(grep ',test,' $(RUN)/tracks.csv | head -n 1 | cut -d, -f1)" --slices
	@echo; echo "songs                  data/demo/"
	@echo "metrics and plots      $(RUN)/report.txt, confusion.png, curves.png"
	@echo "for TF Serving         $(RUN)/saved_model/"
	@echo "your own music         $(BIN)/kgenre predict --model $(RUN) YOUR_SONG.mp3"

# Three on two cores, for tests also wait for processes and pages. In the order of names: xdist would start with the files
# of many tests, and end with a few long tests on one worker.
test: .venv/installed-test
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --nbmake $(NOTEBOOKS) tests

soak: .venv/installed-test
	$(BIN)/python -m pytest -m soak tests
	$(BIN)/python -m pytest --nbmake notebooks

bench: .venv/installed-test
	$(BIN)/python -m benchmarks

lint: .venv/installed-test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/lint-imports

tfio:
	tests/tfio_environment.sh

kserve: .venv/installed-test
	tests/kserve_environment.sh

.venv/installed: pyproject.toml requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else f"kgenre needs Python 3.11 to 3.13; this is {v[0]}.{v[1]}. Try: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e '.[train]'
	@touch $@

.venv/installed-test: .venv/installed requirements-test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	@touch $@

clean:
	rm -rf .venv data/demo $(RUN)
