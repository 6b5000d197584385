"""The table of pretrained weights, its sources and its texts; and CITATION.cff."""

import dataclasses
from pathlib import Path

import pytest
import yaml

import kgenre
from kgenre.archs import ARCHS
from kgenre.cli import tables
from kgenre.core.errors import KgenreError
from kgenre.weights import WEIGHTS, fetch, sources, weights_help, weights_of

ROOT = Path(kgenre.__file__).parent.parent


@pytest.mark.parametrize("name", WEIGHTS)
def test_row_states_provenance_and_verification(name):
    row = WEIGHTS[name]
    assert row.arch in ARCHS and name == f"{row.arch}-{row.value}"
    assert row.trained_on and row.citation and row.licence in {"MIT", "ISC", "Apache-2.0"}
    in_package = row.source is sources.from_package
    assert [bool(row.url), bool(row.package), in_package].count(True) == 1 and "/" not in row.file
    assert row.size or row.unpacked
    assert row.sha256 is None or len(row.sha256) == 64
    exceptions = {"resnet50": "MD5, size", "vggish": "its output for a sine"}
    assert row.verified_by == exceptions.get(row.arch, "SHA-256")


def test_weights_help_names_every_value_with_its_licence():
    for arch in ARCHS:
        text = weights_help(arch)
        assert "\n" not in text
        for value, row in weights_of(arch).items():
            assert f"{value}: trained on {row.trained_on} ({row.licence}, {row.citation})" in text
    assert weights_help("convpool") == ""


def test_fetch_names_the_weights_in_its_errors(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    row = dataclasses.replace(WEIGHTS["resnet50-imagenet"], url="http://127.0.0.1:1/x")
    monkeypatch.setattr("kgenre.core.transfer.RETRIES", 0)
    with pytest.raises(KgenreError) as caught:
        fetch(row)
    assert str(caught.value).startswith(f"ResNet50's ImageNet weights: {row.file} could not be downloaded from ")
    assert str(caught.value).endswith(f"to {tmp_path / 'kgenre' / row.file}.")


def test_weights_table_of_the_docs_is_current():
    text = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    assert tables.updated(text, "docs/networks.md") == text
    for row in WEIGHTS.values():
        assert f"| `--arch {row.arch} --weights {row.value}` | {row.trained_on} | {row.licence} |" in text


def test_citation_file_is_valid_and_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software" and citation["message"]
    assert citation["title"] == "kgenre" and citation["license"] == "MIT"
    assert citation["version"] == kgenre.__version__
    assert citation["authors"] == [{"name": "The kgenre authors"}]
    for reference in citation["references"]:
        assert {"type", "title", "authors", "year", "notes"} <= set(reference)
        assert all({"family-names", "given-names"} == set(author) for author in reference["authors"])
        assert ("url" in reference) != ("doi" in reference)
    cited = " ".join(
        f"{reference['authors'][0]['family-names']} {reference['year']}" for reference in citation["references"]
    )
    assert cited == (
        "Pons 2019 Hershey 2017 He 2016 Tan 2019 Liu 2019 Elbir 2020 Choi 2016 Choi 2017 Won 2020 Defferrard 2017 "
        "Sturm 2013"
    )
