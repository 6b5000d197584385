"""What `kgenre predict` and `kgenre client` share: the songs that they take, and the predictions that they write."""

import argparse
import sys
from collections.abc import Sequence

from kgenre.cli.output import Output
from kgenre.cli.progress import BarProgress
from kgenre.core.errors import KgenreError
from kgenre.serving.answers import record_json, record_text, records_csv, track_record

FORMATS = ("text", "csv", "json")


def add_songs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("songs", nargs="+", metavar="FILE|DIR|GLOB", help="songs, folders of songs, or quoted patterns")


def add_slices_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--slices", action="store_true", help="also the probabilities of each slice")


def write_predictions(
    model,
    reader,
    paths: Sequence[str],
    output: Output,
    by_slice: bool,
    with_tags: bool = False,
    **options,
) -> int:
    """Predicts tracks and writes each as soon as it is known, a table at the end; returns the exit status.

    Files that cannot be used are listed on standard error, and the status is then 1. Where the model fails, a table of
    the songs before is written, and standard error says that it is incomplete.

    Args:
        model: serving.Model.
        reader: as `open_reader` gives for the model's slice spec.
        by_slice: whether the answer for each slice is written, too.
        with_tags: whether the model's tags of each song are written, too.
        options: of `predict_tracks`.

    Raises:
        KgenreError: the model fails, as a server may.
    """
    from kgenre.serving.clients.transport import ModelReplaced
    from kgenre.serving.predict import predict_tracks

    records, progress, streamed = [], BarProgress(), output.path is None and output.format != "csv"
    labels, fault = model.task.labels, None
    with progress.task("analysing", len(paths), "tracks") as advance:
        try:
            for prediction in predict_tracks(model, reader, paths, advance=advance, **options):
                record = track_record(prediction, model.tags(prediction.slices) if with_tags else None)
                if streamed:
                    output.write_text(_text([record], output, labels, by_slice))
                else:
                    records.append(record)
            model.confirm()
        except KgenreError as error:
            fault = error
    if isinstance(fault, ModelReplaced) or (fault and not records):  # what the file had is not lost
        raise fault
    if not streamed:
        order = {path: number for number, path in enumerate(paths)}
        records.sort(key=lambda record: order[record["path"]])  # predictions come as they are ready
        output.write_text(_text(records, output, labels, by_slice))
    output.report_songs(len(records))
    if fault:
        print(f"Incomplete: {len(records)} of {len(paths)} songs.", file=sys.stderr)
        raise fault
    progress.failures(reader.failures, "failed")
    return 1 if reader.failures else 0


def _text(records: list[dict], output: Output, labels, by_slice: bool) -> str:
    if output.format == "csv":
        return records_csv(records, labels, by_slice)
    write = record_json if output.format == "json" else record_text
    return "".join(write(record, by_slice) for record in records)
