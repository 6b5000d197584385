"""ZoomRange: the sampling rule against a float64 loop, and the draw of the factors."""

import keras
import numpy as np
import pytest

from kgenre.augment.layers.zoom import ZoomRange, zoom
from kgenre.core.errors import KgenreError


def looped(picture: np.ndarray, height_factor: float, width_factor: float) -> np.ndarray:
    """The docstring of ZoomRange, pixel by pixel in float64: (height, width, channels) -> the same."""
    out = np.empty(picture.shape)
    height, width = picture.shape[:2]
    for row in range(height):
        y = place(row, height, height_factor)
        for column in range(width):
            x = place(column, width, width_factor)
            i, j = min(int(y), height - 2), min(int(x), width - 2)
            near = np.float64(picture[i : i + 2, j : j + 2])  # (2, 2, channels)
            upper, lower = near[:, 0] + (x - j) * (near[:, 1] - near[:, 0])
            out[row, column] = upper + (y - i) * (lower - upper)
    return out


def place(i: int, size: int, factor: float) -> float:
    """Where pixel i of the result is read: c + f (i - c), at the nearest edge if that is outside."""
    centre = (size - 1) / 2
    return min(max(centre + factor * (i - centre), 0.0), size - 1.0)


def zoomed(pictures, height_factors, width_factors) -> np.ndarray:
    factors = np.float32(height_factors), np.float32(width_factors)
    return keras.ops.convert_to_numpy(zoom(np.float32(pictures), *factors))


def ramps(batch: int, height: int, width: int) -> np.ndarray:
    """Pictures whose two channels are the row and the column number."""
    rows, columns = np.mgrid[:height, :width]
    return np.repeat(np.stack([rows, columns], axis=-1)[None], batch, axis=0).astype("float32")


def drawn_factors(pictures: np.ndarray) -> np.ndarray:
    """Height and width factors of zoomed ramps, (batch, 2): the step between the two middle pixels."""
    y, x = pictures.shape[1] // 2, pictures.shape[2] // 2
    heights = pictures[:, y, x, 0] - pictures[:, y - 1, x, 0]
    return np.stack([heights, pictures[:, y, x, 1] - pictures[:, y, x - 1, 1]], axis=1)


@pytest.mark.parametrize("size", [(16, 24), (15, 21), (64, 128), (5, 2)])
@pytest.mark.parametrize("factors", [(1.0, 1.0), (0.7, 1.3), (1.3, 0.7), (0.999, 1.001), (0.05, 1.9)])
def test_equals_float64_loop(size, factors):
    picture = np.random.default_rng(0).random((*size, 2)).astype("float32")
    ours = zoomed(picture[None], [factors[0]], [factors[1]])[0]
    # Coordinates are float32: half of its step at 128 pixels, times the two directions of a picture in [0, 1].
    np.testing.assert_allclose(ours, looped(picture, *np.float64(np.float32(factors))), rtol=0, atol=2e-5)


def test_each_example_has_its_own_factors():
    pictures = np.random.default_rng(1).random((4, 12, 18, 1)).astype("float32")
    heights, widths = [0.7, 1.0, 1.2, 1.3], [1.25, 0.8, 1.0, 0.7]
    together = zoomed(pictures, heights, widths)
    for i in range(4):
        np.testing.assert_allclose(together[i], looped(pictures[i], heights[i], widths[i]), rtol=0, atol=1e-5)


def test_below_1_magnifies_and_above_1_shrinks():
    picture = np.zeros((1, 33, 33, 1), "float32")
    picture[0, 12:21, 12:21] = 1.0  # a square of 9 x 9 about the centre
    inside = [(zoomed(picture, [factor], [factor])[0, ..., 0] > 0.5).sum() for factor in (0.5, 1.0, 1.5)]
    assert inside == [17 * 17, 9 * 9, 5 * 5]


def test_outside_takes_the_nearest_edge():
    pictures = ramps(1, 11, 21)
    ours = zoomed(pictures, [1.4], [1.6])[0]
    # The first row reads at 5 - 1.4 * 5 = -2, the first column at 10 - 1.6 * 10 = -6: both at 0.
    np.testing.assert_array_equal(ours[[0, -1], :, 0], np.repeat([[0.0], [10.0]], 21, axis=1))
    np.testing.assert_array_equal(ours[:, [0, -1], 1], np.repeat([[0.0, 20.0]], 11, axis=0))
    np.testing.assert_allclose(ours[3, :, 0], 5 - 1.4 * 2, atol=1e-5)  # float32 coordinates


def test_factors_are_independent_and_fill_their_range():
    n = 1000
    layer = ZoomRange(0.3, seed=7)
    factors = drawn_factors(keras.ops.convert_to_numpy(layer(ramps(n, 20, 30), training=True)))
    edge = 1e-4  # of float32, in a difference of two coordinates
    assert 0.7 - edge <= factors.min() and factors.max() <= 1.3 + edge
    # 1000 uniform draws: the chance that none falls into 1/50 of the range is 2e-9.
    assert (factors.min(axis=0) < 0.712).all() and (factors.max(axis=0) > 1.288).all()
    # Standard errors over 1000: of the mean 0.173 / sqrt(n) = 0.0055, of a correlation 0.032; five of each.
    assert np.abs(factors.mean(axis=0) - 1).max() < 0.027
    assert abs(np.corrcoef(factors.T)[0, 1]) < 0.16
    assert abs(np.corrcoef(factors[:-1, 0], factors[1:, 0])[0, 1]) < 0.16


@pytest.mark.parametrize("zoom_range", [0.1, 0.6])
def test_zoom_range_is_the_range(zoom_range):
    layer = ZoomRange(zoom_range, seed=1)
    factors = drawn_factors(keras.ops.convert_to_numpy(layer(ramps(400, 20, 20), training=True)))
    assert factors.min() == pytest.approx(1 - zoom_range, abs=zoom_range / 20)  # 800 draws, so within 1/40 of the range
    assert factors.max() == pytest.approx(1 + zoom_range, abs=zoom_range / 20)


def test_seed_gives_the_draw():
    pictures = ramps(8, 20, 20)
    layer, same, other = ZoomRange(0.3, seed=5), ZoomRange(0.3, seed=5), ZoomRange(0.3, seed=6)
    first = keras.ops.convert_to_numpy(layer(pictures, training=True))
    np.testing.assert_array_equal(first, same(pictures, training=True))
    assert np.abs(first - other(pictures, training=True)).max() > 0.1
    assert np.abs(first - layer(pictures, training=True)).max() > 0.1  # the next step draws anew


@pytest.mark.parametrize(("zoom_range", "training"), [(0.3, False), (0.0, True), (0.0, False)])
def test_identity_when_it_is_off(zoom_range, training):
    picture = np.random.default_rng(2).random((3, 9, 14, 2)).astype("float32")
    np.testing.assert_array_equal(ZoomRange(zoom_range)(picture, training=training), picture)


def test_off_in_prediction_and_on_in_training_of_a_model():
    inputs = keras.Input((20, 30, 2))
    model = keras.Model(inputs, ZoomRange(0.3, seed=0)(inputs))
    pictures = ramps(2, 20, 30)
    np.testing.assert_array_equal(model.predict(pictures, verbose=0), pictures)
    assert np.abs(keras.ops.convert_to_numpy(model(pictures, training=True)) - pictures).max() > 0.5


def test_constant_picture_stays_constant():
    picture = np.full((16, 9, 13, 3), 0.37, "float32")
    out = keras.ops.convert_to_numpy(ZoomRange(0.9, seed=0)(picture, training=True))
    np.testing.assert_allclose(out, 0.37, rtol=3e-7)  # the four weights add to 1 but for float32 rounding


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_stays_float32_under_mixed_precision(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        mixed = ZoomRange(0.3, seed=4)(ramps(4, 20, 300), training=True)
    finally:
        keras.config.set_dtype_policy(before)
    np.testing.assert_array_equal(mixed, ZoomRange(0.3, seed=4)(ramps(4, 20, 300), training=True))
    assert keras.backend.standardize_dtype(mixed.dtype) == "float32"


def test_round_trips(tmp_path):
    pictures = ramps(4, 20, 30)
    layer = ZoomRange(0.25, seed=9, name="zoom")
    again = ZoomRange.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.zoom_range, again.seed, again.name) == (0.25, 9, "zoom")
    inputs = keras.Input((20, 30, 2))
    keras.Model(inputs, layer(inputs)).save(tmp_path / "zoom.keras")
    loaded = keras.saving.load_model(tmp_path / "zoom.keras")
    expected = keras.ops.convert_to_numpy(again(pictures, training=True))
    np.testing.assert_array_equal(loaded(pictures, training=True), expected)
    np.testing.assert_array_equal(layer(pictures, training=True), expected)


@pytest.mark.parametrize("wrong", [-0.1, 1.0, 1.5, float("nan")])
def test_refuses(wrong):
    with pytest.raises(KgenreError) as caught:
        ZoomRange(wrong)
    assert str(caught.value) == f"`zoom_range` must be in [0, 1). Received: zoom_range={wrong}."
