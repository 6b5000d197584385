"""Exports a run for serving, and checks that what was written answers as the model does.

    kgenre export --model models/RUN --out DIR
    kgenre export --model models/RUN --format litert                # models/RUN/model.tflite, which predict then uses
    kgenre export --model models/RUN --format litert --quantization float16 --out genres.tflite

A SavedModel for TF Serving, DIR/1/, takes waveforms of any length (`serving_default`, `waveform_masked`, `embed`) and
WAV files (`wav_bytes`), and describes itself (`about`). Beside it lie models.config, batching.config and
docker-compose.yml, which are written once and yours to change: `cd DIR && docker compose up` starts TF Serving and
the web app. docs/serving.md has examples of requests.

A .tflite file answers without TensorFlow: `waveform` float32 (1, slice_samples) -> `probabilities` (1, classes) and
`embedding` (1, d). labels.txt and about.json are in it too, as in a zip archive.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.core.errors import KgenreError
from kgenre.serving.exporters import EXPORTERS, export_model
from kgenre.serving.exporters.quantizations import DEFAULT_QUANTIZATION, QUANTIZATIONS


def main(argv=None) -> int:
    parser = cli.make_parser("export", __doc__)
    cli.add_model_flag(parser, known="default (which is compact), best, musicnn, or a run folder")
    cli.add_unsure_flag(parser)
    rows = "; ".join(f"{name}: {row.description}" for name, row in EXPORTERS.items())
    parser.add_argument(
        "--out", type=Path, metavar="PATH",
        help="serving folder, to which a new version is added; or .tflite file (of a run by default RUN/model.tflite)",
    )  # fmt: skip
    parser.add_argument("--format", default="saved_model", choices=EXPORTERS, help=f"{rows} (default: saved_model)")
    parser.add_argument(
        "--quantization", choices=QUANTIZATIONS,
        help=f"of a .tflite file's weights; float16 halves it (default: {DEFAULT_QUANTIZATION})",
    )  # fmt: skip
    return cli.run(_export, parser.parse_args(argv))


def _export(args: argparse.Namespace) -> int:
    from kgenre.model.build import check_backend

    row, unsure = EXPORTERS[args.format], cli.unsure_rule(args)
    options = {"quantization": args.quantization} if args.quantization else {}
    if not options.keys() <= set(row.options):
        raise KgenreError(f"--quantization is of .tflite files. Received: --format {args.format}. Leave it out.")
    path = (_file if row.suffix else _version_folder)(args, row.suffix)
    check_backend()
    model, task, spec, told = _load(args.model)
    told["unsure"] = unsure or told["unsure"]
    difference = export_model(model, task, spec, path, args.format, **told, **options)
    print(f"{path}  (reloaded in a fresh process: largest difference {difference:.1e})")
    for written in row.write_server_files(args.out):
        print(written)
    return 0


def _file(args: argparse.Namespace, suffix: str) -> Path:
    """--out; without it, the file in the run's folder that `open_model` finds."""
    out = args.out
    if out is None and args.model is not None and (args.model / "run.json").is_file():
        out = args.model / f"model{suffix}"
        if args.quantization not in (None, DEFAULT_QUANTIZATION):
            step = f"--out {args.model.resolve().name}-{args.quantization}{suffix}"
            raise KgenreError(
                "A quantized file needs a name of its own: it must not replace the run's own answers. "
                f"Received: --quantization {args.quantization} without --out. Add for example {step}"
            )
    if out is None or out.suffix != suffix:
        raise KgenreError(f"--out must be a {suffix} file. Received: {out or 'none'}.")
    if out.exists():
        raise KgenreError(f"{out}: exists already. Remove it, or name another file with --out.")
    return out


def _version_folder(args: argparse.Namespace, _: str) -> Path:
    if args.out is None:
        raise KgenreError("--out must be the serving folder. Received: none.")
    taken = [int(child.name) for child in args.out.glob("*") if child.name.isdigit()]
    return args.out / str(max(taken, default=0) + 1)


def _load(folder: Path | None):
    """Keras model, task, SliceSpec and what else is told of a run, or of a model of the package.

    The default model if `folder` is None.
    """
    from kgenre.serving.catalogue import DEFAULT, PACKAGED_MODELS

    packaged = PACKAGED_MODELS.get(str(folder or DEFAULT))
    if packaged:
        from kgenre.model.tasks import DEFAULT_TASK, make_task
        from kgenre.serving.packaged import PACKAGED

        row = PACKAGED[packaged]
        settings, labels = row.settings()
        return row.build(), make_task(DEFAULT_TASK, labels), settings.slice_spec, {"unsure": row.unsure_rule()}
    from kgenre.training.run import Run

    run = Run(folder)
    return run.load_model(), run.load_task(), run.load_settings().slice_spec, run.told()


if __name__ == "__main__":
    sys.exit(main())
