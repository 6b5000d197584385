"""The folder of the files behind a report: whose files are removed, and whose are not."""

import pytest

from kgenre import report
from kgenre.core.errors import KgenreError
from kgenre.reporting.folder import LIST, report_folder


def write(folder, *names):
    for name in names:
        (folder / name).write_text(name)


def test_second_report_removes_what_the_first_left_and_nothing_else(tmp_path):
    folder = tmp_path / "report"
    with report_folder(folder):
        write(folder, "roc.png", "robustness.png")
    write(folder, "notes.txt")
    with report_folder(folder):
        write(folder, "roc.png")
    assert {path.name for path in folder.iterdir() if path.name[0] != "."} == {"roc.png", "notes.txt"}


def test_report_that_fails_removes_nothing_and_can_be_made_again(tmp_path):
    folder = tmp_path / "report"
    with report_folder(folder):
        write(folder, "roc.png")
    with pytest.raises(KeyboardInterrupt), report_folder(folder):
        raise KeyboardInterrupt
    assert (folder / "roc.png").is_file()
    with report_folder(folder):
        pass
    assert not (folder / "roc.png").exists()


@pytest.mark.parametrize("listed", ['["../mine.txt", "%s", "..", 5]', "{", '"roc.png"', "5"])
def test_list_of_files_elsewhere_or_damaged_removes_none(listed, tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    write(tmp_path, "mine.txt")
    write(folder, "roc.png")
    (folder / LIST).write_text(listed.replace("%s", str(tmp_path / "mine.txt")))
    with report_folder(folder):
        pass
    assert (tmp_path / "mine.txt").is_file() and (folder / "roc.png").is_file()


def test_folder_of_other_files_is_refused(tmp_path):
    write(tmp_path, "metrics.json")
    with pytest.raises(KgenreError, match="holds files that are not of a report.*--out"), report_folder(tmp_path):
        pass


def test_report_beside_its_run_of_the_same_name_leaves_the_run_as_it_is(run, tmp_path, capsys):
    before = {path: path.stat().st_mtime_ns for path in run.folder.iterdir()}
    page = run.folder.with_suffix(".html")
    assert report.main(["--model", str(run.folder), "--split", "train", "--out", str(page)]) == 2
    assert "holds files that are not of a report" in capsys.readouterr().err
    assert not page.exists() and before == {path: path.stat().st_mtime_ns for path in run.folder.iterdir()}
