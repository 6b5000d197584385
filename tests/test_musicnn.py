"""musicnn against a forward pass written for itself, and where its weights come from."""

import keras
import numpy as np
import pytest
from musicnn_reference import NORMS, SHAPES, clip, drawn, mel_of, reference

from kgenre.archs.musicnn import backbone
from kgenre.core.errors import KgenreError
from kgenre.training.fit import untrained_model
from kgenre.training.settings import RunSettings
from kgenre.weights import musicnn as musicnn_weights


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
    moved = [not np.array_equal(old, new) for old, new in zip(before, network.weights)]
    # The two on top are a dense layer (2 variables) and its batch normalisation (4, two of them statistics).
    assert sum(moved) == {0: 0, 2: 6, -1: len(moved)}[unfreeze]


def test_frozen_network_gives_in_training_what_it_gives_at_inference(cache):
    model = model_of("msd", dropout=0.5)
    embed = keras.Model(model.input, model.get_layer("embedding").output)
    waveforms = clip(2.98)
    np.testing.assert_array_equal(embed(waveforms, training=True), embed(waveforms, training=False))


@pytest.mark.parametrize("values", [{"fmin_hz": 500.0}, {"fmax_hz": 4000.0}, {"hop_length": 512}])
def test_pretrained_weights_need_their_own_front_end(values):
    with pytest.raises(KgenreError, match="The pretrained weights of `musicnn` need"):
        RunSettings.compose(values, {"arch": "musicnn"})


def test_is_fetched_once_and_then_read_from_the_cache(cache):
    first = musicnn_weights.load("msd")
    (cache / musicnn_weights.WHEEL).unlink()
    again = musicnn_weights.load("msd")
    assert set(first) == set(again) == set(drawn(0))
    assert all(np.array_equal(again[name], array) for name, array in drawn(0).items())
    assert sorted(path.name for path in cache.iterdir()) == ["musicnn-0.1.0-msd.npz", "musicnn-0.1.0-mtt.npz"]


def test_another_wheel_is_refused(cache, monkeypatch):
    monkeypatch.setattr(musicnn_weights, "SHA256", "0" * 64)
    with pytest.raises(KgenreError, match=r"not the wheel that was published.*Remove it") as caught:
        musicnn_weights.load("msd")
    assert str(cache / musicnn_weights.WHEEL) in str(caught.value)
    assert [path.name for path in cache.iterdir()] == [musicnn_weights.WHEEL]


def test_without_a_network_one_line_says_what_to_type(cache, monkeypatch):
    (cache / musicnn_weights.WHEEL).unlink()
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # pip then looks nowhere
    with pytest.raises(KgenreError) as caught:
        musicnn_weights.load("msd")
    assert "\n" not in str(caught.value)
    assert f"{musicnn_weights.FETCH}` and copy {musicnn_weights.WHEEL} to {cache}" in str(caught.value)
    assert list(cache.iterdir()) == []


def test_damaged_weights_are_told(cache):
    musicnn_weights.load("msd")
    kept = cache / "musicnn-0.1.0-msd.npz"
    kept.write_bytes(kept.read_bytes()[:5000])
    with pytest.raises(KgenreError, match=r"msd.npz: damaged .* Remove it"):
        musicnn_weights.load("msd")


def test_unknown_weights_are_told():
    with pytest.raises(KgenreError, match="msd, mtt or none. Received: imagenet"):
        musicnn_weights.load("imagenet")


def test_image_of_other_bands_is_refused():
    with pytest.raises(KgenreError, match="96 mel bands"):
        model_of("none", n_mels=64)


@pytest.mark.parametrize("weights", ["msd", "mtt"])
def test_published_weights_answer_as_the_forward_pass(weights):
    try:
        arrays = musicnn_weights.load(weights)
    except KgenreError as error:
        pytest.skip(f"the published weights cannot be had here: {error}")
    assert {name: array.shape for name, array in arrays.items() if "kernel" in name} == {
        f"{name}/kernel": shape for name, shape in SHAPES.items()
    }
    waveforms = clip(2.98)
    model = model_of(weights)
    embed = keras.Model(model.input, model.get_layer("embedding").output)
    expected, tags, _ = reference(mel_of(waveforms), arrays)
    np.testing.assert_allclose(embed(waveforms), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert tags.shape[1] == len(musicnn_weights.TAGS[weights]) == 50
