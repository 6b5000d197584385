"""The flags --out and --format: which file and format they mean, and how the file is written."""

import argparse
import os

import pytest

from kgenre.cli.output import ENDINGS, Output, add_output_flags, read_output
from kgenre.core.errors import KgenreError

FORMATS = ("m3u8", "csv", "jsonl")


def read(*flags: str) -> Output:
    parser = argparse.ArgumentParser()
    add_output_flags(parser, FORMATS)
    args = parser.parse_args(flags)
    return read_output(args.out, FORMATS, args.format)


@pytest.mark.parametrize(
    ("flags", "format"),
    [
        ([], "m3u8"),
        (["--format", "jsonl"], "jsonl"),
        (["--out", "{folder}/a.csv"], "csv"),
        (["--out", "{folder}/A.CSV"], "csv"),
        (["--out", "{folder}/a.m3u"], "m3u8"),
        (["--out", "{folder}/a"], "m3u8"),
        (["--out", "{folder}/a", "--format", "csv"], "csv"),
        (["--out", "{folder}/a.txt", "--format", "csv"], "csv"),
        (["--out", "{folder}/a.jsonl", "--format", "jsonl"], "jsonl"),
    ],
    ids=str,
)
def test_read_output_format_is_that_of_the_flag_or_the_ending(flags, format, tmp_path):
    output = read(*(flag.format(folder=tmp_path) for flag in flags))
    assert output.format == format and (output.path is None) == ("--out" not in flags)


@pytest.mark.parametrize(
    ("flags", "rule"),
    [
        (["--out", "{folder}/a.png"], "a.png: the file's name must end in .m3u8 or .csv or .jsonl. Received: .png."),
        (["--out", "{folder}/a.csv", "--format", "jsonl"], "must agree. Received: --format jsonl, "),
        (["--out", "{folder}/no/a.csv"], "no such folder"),
        (["--out", "{folder}"], "is a folder"),
    ],
    ids=str,
)
def test_read_output_wrong_file_is_refused(flags, rule, tmp_path):
    with pytest.raises(KgenreError) as error:
        read(*(flag.format(folder=tmp_path) for flag in flags))
    assert rule in str(error.value)
    assert not list(tmp_path.iterdir())


def test_read_output_missing_ending_is_refused_where_it_is_needed(tmp_path):
    with pytest.raises(KgenreError, match=r"must end in .npz or .parquet. Received: no ending"):
        read_output(tmp_path / "a", ("npz", "parquet"), needs_ending=True)


def test_endings_are_of_one_format_each():
    endings = [ending for row in ENDINGS.values() for ending in row]
    assert len(endings) == len(set(endings))


def test_write_text_keeps_odd_bytes_and_links(tmp_path):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    Output(tmp_path / "link.csv", "csv").write_text(os.fsdecode(b"caf\xe9\n"))
    assert (tmp_path / "link.csv").is_symlink() and (tmp_path / "real.csv").read_bytes() == b"caf\xe9\n"
    assert len(list(tmp_path.iterdir())) == 2


def test_write_that_fails_leaves_the_old_file(tmp_path):
    (tmp_path / "a.csv").write_text("old")

    def fails(path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        Output(tmp_path / "a.csv", "csv").write(fails)
    assert (tmp_path / "a.csv").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_write_text_to_a_pipe_keeps_the_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    Output(tmp_path / "pipe", "csv").write_text("a,b\n")
    assert os.read(reader, 100) == b"a,b\n" and [path.name for path in tmp_path.iterdir()] == ["pipe"]
    os.close(reader)


def test_write_text_without_a_file_goes_to_standard_output(capsys):
    Output(None, "csv").write_text("a,b\n")
    assert capsys.readouterr().out == "a,b\n"
