"""What an exported model says of itself: `about`, `about_rows` and the revisions."""

import numpy as np
import pytest
from exported_models import LABELS, network, values

from kgenre.model.tasks import make_task
from kgenre.serving.exporters import export_model
from kgenre.serving.revisions import revisions
from kgenre.serving.saved_model import SavedModel


def test_about_has_what_a_client_needs_and_about_rows_the_same(waveforms):
    about = values(waveforms.signatures["about"]())
    assert [label.decode() for label in about["labels"]] == list(LABELS)
    spec = waveforms.spec
    assert (about["sample_rate"], about["slice_samples"], about["hop_samples"]) == (
        spec.sample_rate,
        spec.slice_samples,
        spec.hop_samples,
    )
    assert (about["task"], about["input"], about["temperature"]) == (b"single", b"waveform", 1.0)
    assert all(len(about[name]) == 16 for name in ("weights_revision", "front_end_revision"))
    rows = values(waveforms.signatures["about_rows"](row=np.zeros(2, "int32")))
    assert set(rows) == set(about)
    for name, value in about.items():
        assert np.array_equal(rows[name], np.stack([value, value])), name


def test_about_of_several_genres_has_their_thresholds(spectrograms, tmp_path):
    task = make_task("multi", LABELS, {"thresholds": (0.1, 0.25, 0.5), "parents": (-1, 0, -1)})
    export_model(spectrograms.network, task, spectrograms.spec, tmp_path / "1")
    model = SavedModel(tmp_path / "1")
    about = values(model.module.signatures["about"]())
    np.testing.assert_allclose(about["thresholds"], task.thresholds)
    assert about["parents"].tolist() == [-1, 0, -1]
    assert model.metadata_of_graph()["thresholds"] == pytest.approx(task.thresholds)


def test_revisions_change_with_weights_and_front_end_and_with_nothing_else():
    one, again, wider = revisions(network()), revisions(network()), revisions(network(fmin_hz=50.0))
    assert one == again
    assert wider["front_end_revision"] != one["front_end_revision"]
    assert wider["weights_revision"] == one["weights_revision"]
    other = network()
    other.get_layer("logits").set_weights([weight + 1 for weight in other.get_layer("logits").get_weights()])
    assert revisions(other)["weights_revision"] != one["weights_revision"]
    assert revisions(other)["front_end_revision"] == one["front_end_revision"]


def test_leaky_model_says_so_by_its_signature_and_without_its_file(spectrograms, tmp_path):
    why = "slices of its test tracks were trained on"
    export_model(spectrograms.network, make_task("single", LABELS), spectrograms.spec, tmp_path / "1", leaky=why)
    model = SavedModel(tmp_path / "1")
    assert model.leaky == why and model.metadata_of_graph()["leaky"] == why
    assert values(model.module.signatures["about_rows"](row=np.zeros(2, "int32")))["leaky"].tolist() == 2 * [
        why.encode()
    ]
    assert values(spectrograms.signatures["about"]())["leaky"] == b""
