"""Exports a run for serving, and checks that what was written answers as the model does.

    kgenre export --model models/RUN --out DIR

A SavedModel for TF Serving, DIR/1/, takes waveforms of any length (`serving_default`, `waveform_masked`, `embed`) and
WAV files (`wav_bytes`), and describes itself (`about`). Beside it lie models.config, batching.config and
docker-compose.yml, which are written once and yours to change: `cd DIR && docker compose up`. docs/serving.md has
examples of requests.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.serving.exporters import EXPORTERS, export_model


def main(argv=None) -> int:
    parser = cli.make_parser("export", __doc__)
    cli.add_model_flag(parser)
    rows = "; ".join(f"{name}: {row.description}" for name, row in EXPORTERS.items())
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="serving folder; a new version is added")
    parser.add_argument("--format", default="saved_model", choices=EXPORTERS, help=f"{rows} (default: saved_model)")
    return cli.run(_export, parser.parse_args(argv))


def _export(args: argparse.Namespace) -> int:
    from kgenre.model.build import check_backend

    check_backend()
    model, task, spec, leaky = _load(args.model)
    taken = [int(child.name) for child in args.out.glob("*") if child.name.isdigit()]
    folder = args.out / str(max(taken, default=0) + 1)
    difference = export_model(model, task, spec, folder, args.format, leaky)
    print(f"{folder}  (reloaded in a fresh process: largest difference {difference:.1e})")
    for path in EXPORTERS[args.format].write_server_files(args.out):
        print(path)
    return 0


def _load(folder: Path | None):
    """Keras model, task, SliceSpec and leak of a run, or of the default model if `folder` is None."""
    from kgenre.serving.catalogue import MUSICNN_NAMES

    if folder is None or str(folder) in MUSICNN_NAMES:
        from kgenre.model.tasks import DEFAULT_TASK, make_task
        from kgenre.serving import default_model

        settings, labels = default_model.settings()
        return default_model.build(settings, labels), make_task(DEFAULT_TASK, labels), settings.slice_spec, ""
    from kgenre.training.run import Run

    run = Run(folder)
    return run.load_model(), run.load_task(), run.load_settings().slice_spec, run.leaky


if __name__ == "__main__":
    sys.exit(main())
