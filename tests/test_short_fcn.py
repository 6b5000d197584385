"""`short_fcn`: its fit to taggers of low rank, the network, and the arrays in the package."""

import dataclasses

import audio_files
import keras
import numpy as np
import pytest
import torch
from scipy.special import expit
from torch.nn import functional as F

from kgenre import default_network, weights
from kgenre.archs import ARCHS, short_fcn
from kgenre.archs.taggers import FCN_BLOCKS, variable_name
from kgenre.baselines import low_rank, songs, tag_shift
from kgenre.core.errors import KgenreError
from kgenre.model.settings import ModelSettings
from kgenre.serving.packaged import PACKAGED
from kgenre.weights import WEIGHTS, sources

FRAMES = 160


def drawn_tagger(rng) -> dict:
    """Arrays as of a published `fcn`, drawn."""
    arrays, inputs = norm("spec_bn", 1, rng), 1
    for number, (filters, _) in enumerate(FCN_BLOCKS, 1):
        arrays[f"layer{number}_conv/kernel"] = rng.normal(0, (2 / 9 / inputs) ** 0.5, (3, 3, inputs, filters))
        arrays[f"layer{number}_conv/bias"] = rng.normal(0, 0.1, filters)
        arrays |= norm(f"layer{number}_bn", filters, rng)
        inputs = filters
    arrays |= {"dense/kernel": rng.normal(0, 0.1, (inputs, 50)), "dense/bias": rng.normal(-3, 1, 50)}
    return {name: array.astype("float32") for name, array in arrays.items()}


def norm(name: str, size: int, rng) -> dict:
    values = {"gamma": (0.8, 1.2), "beta": (-0.2, 0.2), "moving_mean": (-0.2, 0.2), "moving_variance": (0.5, 2)}
    return {f"{name}/{part}": rng.uniform(*limits, size) for part, limits in values.items()}


@pytest.fixture
def taggers(tmp_path, monkeypatch):
    """Published taggers that are drawn: {row of WEIGHTS: arrays}, which the cache directory holds."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache" / "kgenre").mkdir(parents=True)
    found = {f"fcn-{name}": drawn_tagger(np.random.default_rng(n)) for n, name in enumerate(short_fcn.BRANCHES)}
    for name, arrays in found.items():
        row = WEIGHTS[name]
        np.savez(tmp_path / "cache" / "kgenre" / f"{row.arch}-{row.value}-{row.sha256[:12]}.npz", **arrays)
    return found


@pytest.fixture
def images():
    """Enough of them to determine every kernel."""
    rng = np.random.default_rng(3)
    smooth = rng.normal(size=(140, 24, 40, 1)).repeat(4, axis=1).repeat(4, axis=2)
    return (0.5 + 0.1 * (smooth + rng.normal(size=smooth.shape))).astype("float32")


def reference(arrays: dict, images: np.ndarray) -> np.ndarray:
    """The published layers on short slices, in PyTorch: (n, 96, frames, 1) -> (n, 64)."""
    from kgenre.archs.taggers import of_image

    arrays = {name: torch.tensor(array) for name, array in of_image(arrays).items()}

    def block(x, number, kernel, padding):
        x = F.conv2d(x, kernel, arrays[f"layer{number}_conv/bias"], padding=padding)
        return F.relu(normalised(x, f"layer{number}_bn"))

    def normalised(x, name):
        mean, variance, gamma, beta = (
            arrays[f"{name}/{part}"].float() for part in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return F.batch_norm(x, mean, variance, gamma, beta, eps=1e-5)

    x = normalised(torch.tensor(images).permute(0, 3, 1, 2), "spec_bn")
    for number, pool in enumerate(short_fcn.POOLS, 1):
        x = F.max_pool2d(block(x, number, arrays[f"layer{number}_conv/kernel"].permute(3, 2, 0, 1), 1), pool)
    x = torch.maximum(x, torch.roll(x, -1, dims=3))
    kernel = arrays["layer5_conv/kernel"].sum(dim=1, keepdim=True).permute(3, 2, 0, 1)
    return block(x, 5, kernel, (1, 0)).amax(dim=(2, 3)).numpy()


def network_of(arrays: dict):
    network = short_fcn.make_network((96, FRAMES, 1))
    short_fcn.set_weights(network, arrays)
    return network


def drawn_short() -> dict:
    """Arrays of a short network, drawn."""
    return {"/".join(variable_name(v)): v.numpy() for v in short_fcn.make_network((96, FRAMES, 1)).weights}


def test_fit_of_full_rank_equals_the_published_layers(taggers, images):
    held_out = np.arange(len(images)) % 8 == 0
    sizes = (64, 128, 128)
    found, lost = low_rank.fit_branch("msd", sizes, images, held_out, lambda: None)
    assert lost < 1e-3  # the ridge
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(short_fcn, "BRANCHES", {"msd": sizes})
        network = network_of({f"msd_{name}": array for name, array in found.items()})
    expected = reference(taggers["fcn-msd"], images[held_out])
    np.testing.assert_allclose(network.predict(images[held_out], verbose=0), expected, atol=0.05 * expected.std())


@pytest.mark.soak
def test_fit_loses_less_the_higher_the_rank_and_the_more_maps(taggers, images):
    held_out = np.arange(len(images)) % 8 == 0
    small, few, large = (
        low_rank.fit_branch("jamendo", sizes, images, held_out, lambda: None)[1]
        for sizes in ((64, 2, 4), (4, 16, 48), (64, 16, 48))
    )
    assert large < 0.8 * small and large < 0.97 * few


def test_best_maps_are_those_that_the_convolution_cannot_do_without():
    """Map 1 is a mix of 0 and 3, so that either can stand for it; 2 has no weight; 4 has little."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 6, 6, 5)).astype("float32")
    x[..., 1] = x[..., 0] - x[..., 3]
    kernel = rng.normal(size=(3, 3, 5, 7)).astype("float32")
    kernel[:, :, 2], kernel[:, :, 4] = 0, 0.1 * kernel[:, :, 4]
    kept = [low_rank.best_maps(x, kernel, np.zeros(7, "float32"), count, 1.0).tolist() for count in (5, 3, 2)]
    assert kept[0] == [0, 1, 2, 3, 4]
    assert 4 in kept[1] and 2 not in kept[1] and len(set(kept[1]) & {0, 1, 3}) == 2
    assert set(kept[2]) <= {0, 1, 3}


def test_songs_that_are_short_or_named_twice_are_left_out(tmp_path):
    import soundfile

    for seconds in (19.5, 20.5):
        soundfile.write(tmp_path / f"{seconds}.wav", np.zeros(int(seconds * 8000)), 8000)
    (tmp_path / "again.wav").symlink_to(tmp_path / "20.5.wav")
    (tmp_path / "broken.mp3").write_bytes(b"no music")
    paths = [str(tmp_path / name) for name in ("19.5.wav", "20.5.wav", "again.wav", "broken.mp3")]
    assert songs.long_songs(paths) == [str(tmp_path / "20.5.wav")]


def test_equal_means_gives_tags_the_mean_probability_of_the_truth():
    """Scores whose order is that of the truth, too low by another amount for each tag, in songs of several lengths."""
    rng = np.random.default_rng(0)
    exact = [rng.normal(-1, 2, (count, 3)) for count in (1, 4, 7, 2)]
    truth = np.stack([expit(song).mean(axis=0) for song in exact])
    found = tag_shift.equal_means(truth, [song - (0.5, -1.5, 3) for song in exact])
    np.testing.assert_allclose(found, (0.5, -1.5, 3), atol=1e-5)
    assert tag_shift.equal_means(np.ones((4, 3)), exact).tolist() == [10, 10, 10]


def test_shifted_tags_in_the_package_are_those_of_the_weights():
    shift = weights.load(WEIGHTS["short_fcn-taggers"])[short_fcn.TAG_SHIFT]
    layer = PACKAGED["compact"].tag_layer()
    assert shift.shape == (len(layer.labels),) and 0.2 < np.median(shift) < 2


def test_regression_of_low_rank_equals_principal_components():
    """With the same input on both sides it is the PCA of the responses."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 6, 6, 3)).astype("float32")
    kernel, bias = rng.normal(size=(1, 1, 3, 5)).astype("float32"), rng.normal(size=5).astype("float32")
    first, second, offset = low_rank.regression(x, x, kernel, bias, 2, 1.0)
    responses = (x @ kernel[0, 0] + bias).reshape(-1, 5)
    mean = responses.mean(axis=0)
    directions = np.linalg.svd(responses - mean, full_matrices=False)[2][:2]
    expected = (responses - mean) @ directions.T @ directions + mean
    found = low_rank.convolved(x, first, second, offset).numpy().reshape(-1, 5)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_weights_in_the_package_are_those_of_the_network():
    settings = ModelSettings.compose({"arch": "short_fcn"})
    assert settings.network.weights == "taggers" and settings.audio.slice_seconds == 5.12
    arrays = weights.load(WEIGHTS["short_fcn-taggers"])
    image = keras.Input((96, 321, 1))
    network = keras.Model(image, short_fcn.short_fcn(image, "taggers", unfreeze=0))
    assert network.output_shape == (None, 128) and not network.trainable_variables
    assert network.count_params() < 2_000_000
    values = {"/".join(v.path.split("/")[-2:]): v for v in network.weights}
    assert set(arrays) - {short_fcn.TAG_SHIFT} <= set(values)
    for name, array in arrays.items():
        if name == short_fcn.TAG_SHIFT:
            continue
        np.testing.assert_array_equal(values[name].numpy(), array.astype("float32"))
    assert {name for name in values if "conv" in name or "rank" in name} <= set(arrays)


def test_work_of_the_network_is_below_0_15_billion_products_for_three_seconds():
    work, width = 0, {1: (96, 320), 2: (48, 80), 3: (24, 20), 4: (12, 5), 5: (4, 5)}
    for name, array in weights.load(WEIGHTS["short_fcn-taggers"]).items():
        if name.endswith("kernel"):
            rows, columns = width[int(name.split("layer")[1][0])]
            work += rows * columns * array.size
    assert 0.12e9 < work / 5.12 * 3 < 0.13e9


def test_changed_weights_in_the_package_are_refused(monkeypatch):
    row = dataclasses.replace(WEIGHTS["short_fcn-taggers"], sha256="0" * 64)
    with pytest.raises(KgenreError, match="not the published file"):
        weights.load(row)


def test_fit_without_usable_songs_is_refused(tmp_path):
    (tmp_path / "song.mp3").write_bytes(b"no music")
    with pytest.raises(KgenreError, match="ten songs that can be used"):
        low_rank.fit_short_fcn([str(tmp_path / "song.mp3")], tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()


def test_network_of_random_weights_trains_as_a_whole():
    image = keras.Input((96, 80, 1))
    network = keras.Model(image, short_fcn.short_fcn(image))
    assert len(network.trainable_variables) > 20
    assert ARCHS["short_fcn"].resolve(ModelSettings.compose({"arch": "short_fcn", "weights": "none"}).network) == {
        "unfreeze": -1
    }


@pytest.mark.soak
def test_command_writes_the_arrays_of_both_branches(taggers, images, tmp_path, monkeypatch, capsys):
    held_out = np.arange(40) % 8 == 0
    monkeypatch.setattr(low_rank, "crop_images", lambda *args: (images[:40], held_out))
    music, out = tmp_path / "music", tmp_path / "short_fcn.npz"
    music.mkdir()
    for number in range(2):  # the first of the order is held out
        noise = np.random.default_rng(number).uniform(-0.1, 0.1, 30 * 16000)
        audio_files.write_sound(music / f"{number}.wav", noise, 16000)
    assert default_network.main(["--data", str(music), "--out", str(out)]) == 0
    with np.load(out) as found, np.load(sources.from_package(WEIGHTS["short_fcn-taggers"], None, None)) as expected:
        assert {name: found[name].shape for name in found} == {name: expected[name].shape for name in expected}
        assert all(np.isfinite(found[name]).all() for name in found)
        assert np.abs(found[short_fcn.TAG_SHIFT]).max() > 0.1
    assert "of the variance lost" in capsys.readouterr().out


def test_fit_of_tags_without_long_songs_is_refused(taggers, tmp_path):
    audio_files.write_sound(tmp_path / "song.wav", np.zeros(16000), 16000)
    with pytest.raises(KgenreError, match="needs songs of 29 s"):
        tag_shift.fit_tag_shift([songs.DrawnSong(str(tmp_path / "song.wav"), 0, False)], drawn_short())
