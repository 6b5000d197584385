"""What `kgenre predict` and `kgenre client` share: the songs that they take, and the predictions that they write."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kgenre.cli.output import Output, read_output
from kgenre.cli.progress import BarProgress
from kgenre.core.errors import KgenreError
from kgenre.core.parquet import check_parquet, check_utf8
from kgenre.engines.folder import PartsFolder, parts_of
from kgenre.engines.plan import Plan
from kgenre.engines.run import Parts, computed
from kgenre.engines.settings import EngineSettings
from kgenre.serving.answers import record_json, record_text, records_csv, records_table, track_record

FORMATS = ("text", "csv", "jsonl", "parquet")
STREAMED = ("text", "jsonl")  # a song at a time


def prediction_output(out: Path | None, format: str | None = None) -> Output:
    """The output that --out and --format describe.

    Raises:
        KgenreError: as `read_output`; or Parquet for standard output, or without pyarrow.
    """
    output = read_output(out, FORMATS, format)
    if output.format == "parquet":
        if output.path is None:
            raise KgenreError("--format parquet needs a file. Name it with --out.")
        check_parquet(output.path)
    return output


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

    records, progress, streamed = [], BarProgress(), output.path is None and output.format in STREAMED
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
        write_records(records, output, labels, by_slice)
    output.report_songs(len(records))
    if fault:
        print(f"Incomplete: {len(records)} of {len(paths)} songs.", file=sys.stderr)
        raise fault
    progress.failures(reader.failures, "failed")
    return 1 if reader.failures else 0


def compute_predictions(
    work, paths: Sequence[str], output: Output, engine: EngineSettings, progress: BarProgress
) -> tuple[dict[str, str], int]:
    """Predicts tracks by an engine, and writes all to a file at the end; or a part of them.

    Args:
        work: PredictWork.

    Returns:
        {path: cause} of the tracks that could not be used, and the number of the others.

    Raises:
        KgenreError: as `engines.run.compute`.
    """
    from kgenre.audio.signature import signature
    from kgenre.serving.predict_work import records_of

    folder = PartsFolder(parts_of(engine, output.path), work.suffix)
    items, labels = {path: list(signature(path) or ()) for path in paths}, list(work.source.open().task.labels)
    with computed(work, items, folder, engine, progress, "analysing", {"labels": labels}) as parts:
        if engine.is_whole:
            with parts.local_files() as files:
                write_records(records_of(files), output, labels, work.answering.by_slice)
    return parts.failures, parts.items - len(parts.failures)


def merge_predictions(plan: Plan, parts: Parts, out: Path) -> None:
    """Writes the predictions of parts K/N.

    Raises:
        KgenreError: the file cannot be written.
    """
    from kgenre.serving.predict_work import records_of

    output = prediction_output(out)
    with parts.local_files() as files:
        write_records(records_of(files), output, plan.about["labels"], plan.settings["by_slice"])


def write_records(records: list[dict], output: Output, labels: Sequence[str], by_slice: bool) -> None:
    """Writes records of tracks (serving.answers) in the output's format."""
    if output.format != "parquet":
        output.write_text(_text(records, output, labels, by_slice))
        return
    from pyarrow import parquet, table

    columns, rows = records_table(records, labels, by_slice)
    check_utf8(output.path, (record["path"] for record in records))
    values = table({name: [row[name] for row in rows] for name in columns})
    output.write(lambda path: parquet.write_table(values, path))


def _text(records: list[dict], output: Output, labels, by_slice: bool) -> str:
    if output.format == "csv":
        return records_csv(records, labels, by_slice)
    write = record_json if output.format == "jsonl" else record_text
    return "".join(write(record, by_slice) for record in records)
