"""docs/python.md: its examples run as they stand, one after the other, and the public names are what they should be."""

import importlib
import re
import shutil
from pathlib import Path

import pytest

import kgenre

PAGE = Path(__file__).parent.parent / "docs" / "python.md"


def test_examples_of_the_page_run_in_order(run, collection, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "demo").symlink_to(run.folder)
    (tmp_path / "cover.jpg").write_bytes(b"\xff\xd8\xff no sound")
    shutil.copytree(collection, tmp_path / "music")
    shutil.copy(next(collection.rglob("*.mp3")), tmp_path / "song.mp3")
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) > 8
    namespace: dict = {}
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), namespace)
    song, library = namespace["song"], namespace["tracks"]
    assert song.genre == max(song.top(1), key=song.top(1).get) and song.genre in run.load_labels()
    assert list(namespace["reader"].failures) == ["cover.jpg"]
    assert len(library) == len(namespace["vectors"]) == len(namespace["places"])
    assert (tmp_path / "exported" / "1" / "saved_model.pb").is_file()


@pytest.mark.parametrize("name", kgenre.__all__)
def test_public_name_has_a_docstring_and_is_listed(name):
    value = getattr(kgenre, name)
    assert name in dir(kgenre)
    if callable(value):
        assert value.__doc__, name


def test_public_names_come_from_the_module_that_defines_them():
    for name, module in kgenre._PUBLIC.items():
        value = getattr(importlib.import_module(module), name)
        assert getattr(value, "__module__", module) == module, name


def test_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'kgenre' has no attribute 'open_modle'"):
        kgenre.open_modle  # noqa: B018
