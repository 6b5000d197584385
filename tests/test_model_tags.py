"""Tags of tracks: the layer of tags and its file, tags of models, and what a scan stores of them."""

from dataclasses import dataclass

import numpy as np
import pytest
from audio_files import music, write_sound
from libraries import LevelModel
from scipy.special import expit

from kgenre.library.scan.scan import scan
from kgenre.library.store import Library
from kgenre.model.aggregate import SliceOutputs
from kgenre.model.tasks.multi_label import MultiLabel
from kgenre.serving.packaged import PACKAGED
from kgenre.serving.tags import TagLayer, ranked

NAMES = ("loud", "no voice", "Ängste")


def drawn_layer(d: int = 3) -> TagLayer:
    rng = np.random.default_rng(0)
    return TagLayer(NAMES, rng.normal(size=(d, 3)).astype("float32"), rng.normal(size=3).astype("float32"))


@dataclass
class Tagged(LevelModel):
    tag_layer: TagLayer | None = None


def test_tag_layer_is_the_mean_of_sigmoids_of_slices():
    layer, slices = drawn_layer(), np.random.default_rng(1).normal(size=(7, 3))
    expected = expit(slices @ layer.kernel.astype("float64") + layer.bias).mean(axis=0)
    np.testing.assert_allclose(layer.probabilities(slices.astype("float32")), expected, atol=1e-6)  # float32
    assert np.isfinite(layer.probabilities(np.full((1, 3), 1e5, "float32"))).all()


def test_tag_layer_written_and_read_is_the_same(tmp_path):
    layer = drawn_layer()
    layer.write(tmp_path / "tags.npz")
    again = TagLayer.read(tmp_path / "tags.npz")
    assert again.labels == NAMES
    assert np.array_equal(again.kernel, layer.kernel) and np.array_equal(again.bias, layer.bias)


def test_ranked_names_are_sorted_by_probability():
    assert list(ranked(("a", "b", "c"), np.array([0.25, 0.5, 0.25]))) == ["b", "a", "c"]


@pytest.mark.parametrize("row", PACKAGED.values(), ids=PACKAGED)
def test_tag_layer_of_the_package_has_a_name_for_each_output(row):
    layer = row.tag_layer()
    assert layer.kernel.shape[1] == len(layer.bias) == len(layer.labels) == len(set(layer.labels))


def test_tags_of_models_with_a_layer_with_several_labels_and_with_neither():
    outputs = SliceOutputs(np.array([[0.2, 0.6], [0.4, 0.8]], "float32"), np.ones((2, 3), "float32"))
    single, several = LevelModel(), LevelModel(task=MultiLabel(("loud", "quiet"), (0.5, 0.5)))
    assert (single.tag_names, single.tags(outputs)) == ((), None)
    assert several.tag_names == ("loud", "quiet")
    assert several.tags(outputs) == pytest.approx({"quiet": 0.7, "loud": 0.3})
    tagged = Tagged(tag_layer=drawn_layer())
    assert tagged.tag_names == NAMES
    assert tagged.tags(outputs) == pytest.approx(dict(zip(NAMES, drawn_layer().probabilities(np.ones((1, 3))))))


def test_scan_stores_tags_of_all_slices_rounded_to_float16(tmp_path):
    for number in range(3):
        write_sound(tmp_path / f"{number}.wav", music(4.0, 8000, 1, seed=number), 8000)
    model = Tagged(tag_layer=drawn_layer())
    with Library(tmp_path / "library.sqlite") as library:
        scan(library, tmp_path, model, workers=1)
        space, paths = library.space(), library.tracks()["path"]
        ids, tags = library.tags(space)
        assert space.tags == NAMES and ids.tolist() == paths.index.tolist()
        for path, row in zip(paths, tags):
            expected = model.tag_probabilities(model.predict(path).slices)
            assert np.array_equal(row, expected.astype("float16").astype("float32"))
        other = library.open_space(Tagged(tag_layer=None))
        assert other.id != space.id and other.tags == () and library.tags(other)[1].size == 0
