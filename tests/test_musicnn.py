"""musicnn against a forward pass written for itself, and where its weights come from."""

import dataclasses
import shutil
import zipfile

import keras
import numpy as np
import pytest
from musicnn_reference import NORMS, SHAPES, clip, drawn, mel_of, reference

from kgenre.archs.musicnn import backbone, pretrained_arrays
from kgenre.core.errors import KgenreError
from kgenre.training.fit import untrained_model
from kgenre.training.settings import RunSettings
from kgenre.weights import WEIGHTS, fetch, load
from kgenre.weights.musicnn import TAGS


def model_of(weights: str, **values) -> keras.Model:
    return untrained_model(RunSettings.compose({"weights": weights, **values}, {"arch": "musicnn"}), 10)


def test_answers_as_the_forward_pass_on_the_same_checkpoint(cache):
    waveforms = clip(2.98)
    model = model_of("mtt")
    embed = keras.Model(model.input, model.get_layer("embedding").output)
    expected, *_ = reference(mel_of(waveforms), drawn(1))
    # 1e-5 of the largest value: float32 through eleven layers, on a mel spectrogram of float32.
    np.testing.assert_allclose(embed(waveforms), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_takes_slices_of_other_lengths(cache):
    model = model_of("msd", slice_seconds=1.5)
    embed = keras.Model(model.input, model.get_layer("embedding").output)
    waveforms = clip(1.5)
    expected, *_ = reference(mel_of(waveforms), drawn(0))
    np.testing.assert_allclose(embed(waveforms), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_parameters_are_the_published_number():
    assert backbone(187).count_params() + 200 * 50 + 50 == 792079
    assert sum(np.prod(shape) + shape[-1] for shape in SHAPES.values()) + 4 * sum(NORMS) == 792079


@pytest.mark.parametrize(("unfreeze", "moving"), [(0, 0), (2, 4), (-1, None)])
def test_trains_whole_in_part_or_not_at_all(cache, unfreeze, moving):
    model = model_of("msd", unfreeze=unfreeze)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network = model.get_layer("musicnn")
    before = [variable.numpy() for variable in network.weights]
    model.train_on_batch(clip(2.98), np.array([0, 1]))
    # A shift before the pools is taken back by the batch normalisation behind them: it moves by rounding, if at all.
    still = "batch_normalization_8/beta"
    pairs = [(old, new) for old, new in zip(before, network.weights) if new.path != still]
    moved = [not np.array_equal(old, new) for old, new in pairs]
    # The two on top are a dense layer (2 variables) and its batch normalisation (4, two of them statistics).
    assert len(moved) == len(before) - 1 and sum(moved) == {0: 0, 2: 6, -1: len(moved)}[unfreeze]


def test_frozen_network_gives_in_training_what_it_gives_at_inference(cache):
    model = model_of("msd", dropout=0.5)
    embed = keras.Model(model.input, model.get_layer("embedding").output)
    waveforms = clip(2.98)
    np.testing.assert_array_equal(embed(waveforms, training=True), embed(waveforms, training=False))


@pytest.mark.parametrize("values", [{"fmin_hz": 500.0}, {"fmax_hz": 4000.0}, {"hop_length": 512}])
def test_pretrained_weights_need_their_own_front_end(values):
    with pytest.raises(KgenreError, match="The pretrained weights of `musicnn` need"):
        RunSettings.compose(values, {"arch": "musicnn"})


WHEEL = WEIGHTS["musicnn-msd"].file


def load_msd() -> dict[str, np.ndarray]:
    return load(WEIGHTS["musicnn-msd"])


def test_load_second_call_reads_the_cache(cache):
    first = load_msd()
    (cache / WHEEL).unlink()
    again = load_msd()
    assert set(first) == set(again) == set(drawn(0))
    assert all(np.array_equal(again[name], array) for name, array in drawn(0).items())
    [kept] = cache.iterdir()
    assert kept.name == f"musicnn-msd-{WEIGHTS['musicnn-msd'].sha256[:12]}.npz"


@pytest.mark.parametrize("published", [{"sha256": "0" * 64}, {"size": 5}])
def test_load_other_wheel_raises(published, cache, monkeypatch):
    monkeypatch.setitem(WEIGHTS, "musicnn-msd", dataclasses.replace(WEIGHTS["musicnn-msd"], **published))
    with pytest.raises(
        KgenreError, match=r"not the published file: its (sha256 must begin with|size must be) .*Remove it"
    ) as caught:
        load_msd()
    assert str(cache / WHEEL) in str(caught.value)
    assert [path.name for path in cache.iterdir()] == [WHEEL]


def test_load_offline_names_command_and_destination(cache, monkeypatch):
    (cache / WHEEL).unlink()
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # pip then looks nowhere
    with pytest.raises(KgenreError) as caught:
        load_msd()
    text = str(caught.value)
    assert "\n" not in text and text.startswith(f"musicnn's weights: {WHEEL} could not be downloaded by pip (ERROR: ")
    command = "pip download --no-deps --only-binary=:all: musicnn==0.1.0"
    assert text.endswith(f"type `{command}`, and copy {WHEEL} to {cache}.")
    assert list(cache.iterdir()) == []


def test_load_from_pip_keeps_the_wheel(cache, wheel, monkeypatch):
    """pip itself, from a directory in place of an index."""
    (cache / WHEEL).unlink()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(published_wheel(wheel, cache.parent)))
    monkeypatch.setitem(WEIGHTS, "musicnn-msd", dataclasses.replace(WEIGHTS["musicnn-msd"], sha256=None, size=None))
    assert fetch(WEIGHTS["musicnn-msd"]) == cache / WHEEL
    np.testing.assert_array_equal(load_msd()["dense/kernel"], drawn(0)["dense/kernel"])


def published_wheel(wheel, folder):
    """A directory with the drawn wheel and the metadata that pip asks of one."""
    (folder / "index").mkdir()
    made = shutil.copy(wheel, folder / "index" / WHEEL)
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("musicnn-0.1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: musicnn\nVersion: 0.1.0\n")
        archive.writestr(
            "musicnn-0.1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("musicnn-0.1.0.dist-info/RECORD", "")
    return folder / "index"


def test_load_pip_fetches_other_wheel_raises(cache, wheel, monkeypatch):
    (cache / WHEEL).unlink()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(published_wheel(wheel, cache.parent)))
    with pytest.raises(KgenreError, match="pip fetched another file than the published one: its size must be"):
        load_msd()
    assert list(cache.iterdir()) == []


def test_load_damaged_arrays_raises(cache):
    load_msd()
    [kept] = cache.glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:5000])
    with pytest.raises(KgenreError, match=r"musicnn-msd-.*.npz: damaged .* Remove it"):
        load_msd()


def test_pretrained_unknown_weights_names_the_known():
    with pytest.raises(KgenreError, match="msd, mtt or none. Received: imagenet"):
        pretrained_arrays("imagenet")


def test_image_of_other_bands_is_refused():
    with pytest.raises(KgenreError, match="96 mel bands"):
        model_of("none", n_mels=64)


@pytest.mark.parametrize("weights", ["msd", "mtt"])
def test_published_weights_answer_as_the_forward_pass(weights):
    try:
        arrays = pretrained_arrays(weights)
    except KgenreError as error:
        pytest.skip(f"the published weights are unavailable here: {error}")
    assert {name: array.shape for name, array in arrays.items() if "kernel" in name} == {
        f"{name}/kernel": shape for name, shape in SHAPES.items()
    }
    waveforms = clip(2.98)
    model = model_of(weights)
    embed = keras.Model(model.input, model.get_layer("embedding").output)
    expected, tags, _ = reference(mel_of(waveforms), arrays)
    np.testing.assert_allclose(embed(waveforms), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert tags.shape[1] == len(TAGS[weights]) == 50
