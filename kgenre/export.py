"""Exports a run as a SavedModel for TF Serving, and proves that it answers as the model did.

    kgenre export --model models/RUN --to DIR

DIR/1/ has the endpoint `serving_default`: `waveform` float32 (batch, samples), any length, at the
model's rate -> `probabilities` (batch, classes), `slice_probabilities` (batch, slices, classes) and
`embedding` (batch, d); and the endpoint `about`: labels, sample_rate, clip_samples, hop_samples.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli


def main(argv=None) -> int:
    parser = cli.make_parser("export", __doc__)
    parser.add_argument(
        "--model", type=Path, metavar="RUN", help="run folder, as `kgenre train` leaves it (default: the default model)"
    )
    parser.add_argument("--to", required=True, type=Path, metavar="DIR", help="serving folder; a new version is added")
    return cli.run(_export, parser.parse_args(argv))


def _export(args: argparse.Namespace) -> int:
    from kgenre.model.build import check_backend
    from kgenre.serving.exporters import export

    check_backend()
    model, task, config = _load(args.model)
    taken = [int(child.name) for child in args.to.glob("*") if child.name.isdigit()]
    folder = args.to / str(max(taken, default=0) + 1)
    difference = export(model, task, config.slice_spec, folder)
    print(f"{folder}  (reloaded with TensorFlow alone: largest difference {difference:.1e})")
    return 0


def _load(folder: Path | None):
    """Keras model, task and config of a run; of the default model if none is named."""
    if folder is None:
        from kgenre.model.tasks import make_task
        from kgenre.serving import default_model

        config, labels = default_model.settings()
        return default_model.build(config, labels), make_task("single_label", labels), config
    from kgenre.training.run import Run

    run = Run(folder)
    return run.load_model(), run.load_task(), run.load_config()


if __name__ == "__main__":
    sys.exit(main())
