"""The fit of `short_fcn` to the published taggers, on any music: reduced-rank regression, layer by layer.

What a layer of a tagger gives, before its relu, is regressed on what the layers before it give in the short network,
so that a layer makes good what those before it lost (Zhang et al. 2016, "Accelerating very deep convolutional networks
for classification and detection"). Of the first layer's maps only those are kept that the second needs most. Nothing is
trained by gradients, and no music is remembered: a regression of some hundred thousand values has a few thousand
numbers to find.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kgenre.baselines.songs import DrawnSong, drawn_songs
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_beside
from kgenre.core.progress import SILENT, Progress

MOMENTS = ("moving_mean", "moving_variance")
CROPS = 2000  # at most, of which a tenth are of songs that are held out
MIX_SHARE = 0.5  # crops mixed with one of another song: combinations of voices and instruments that no song has
BATCH = 16
SHARE = {2: 0.1, 3: 0.5}  # of a layer's positions, which are many and alike
RIDGE = 1e-5  # of the mean variance


def fit_short_fcn(paths: Sequence[str], out: Path, seed: int = 0, progress: Progress = SILENT) -> dict[str, float]:
    """Writes the arrays of `short_fcn` as an .npz file, kernels in half precision; fetches the taggers' weights.

    Args:
        paths: songs, ten or more of 20 s at least; the more and the more various, the better. Others are left out.
        seed: of the crops and how they are altered.

    Returns:
        {branch: share of the variance of its values that is lost on songs that were held out}.

    Raises:
        KgenreError: fewer than ten songs can be used, or weights are not available.
    """
    from kgenre.archs.short_fcn import BRANCHES, TAG_SHIFT
    from kgenre.baselines.tag_shift import fit_tag_shift

    songs = drawn_songs(paths, CROPS, seed)
    images, held_out = crop_images(songs, seed, progress)
    arrays, lost = {}, {}
    for branch, sizes in BRANCHES.items():
        with progress.task(f"fitting {branch}", 4, "layers") as advance:
            found, lost[branch] = fit_branch(branch, sizes, images, held_out, advance)
        arrays |= {f"{branch}_{name}": array.astype("float16") for name, array in found.items()}
    arrays[TAG_SHIFT] = fit_tag_shift(songs, arrays, progress)
    write_beside(out, lambda part: np.savez_compressed(part, **arrays))
    return lost


def crop_images(songs: Sequence[DrawnSong], seed: int, progress: Progress = SILENT) -> tuple[np.ndarray, np.ndarray]:
    """Crops of songs, altered and mixed, as the network sees them.

    Returns:
        float32 (crops, 96, frames, 1), and whether a crop's song is held out, bool (crops,).
    """
    from kgenre.baselines.alteration import altered
    from kgenre.model.build import front_end
    from kgenre.model.settings import ModelSettings

    settings = ModelSettings.compose({"arch": "short_fcn"})
    rate, length = settings.slice_spec.sample_rate, settings.slice_spec.slice_samples
    each, used = CROPS // max(1, len(songs)), 0
    waveforms, held_out = [], []
    last = {}  # {whether held out: the waveform before}, so that held-out songs are mixed with each other only
    with progress.task("reading", len(songs), "songs") as advance:
        for song in songs:
            advance()
            samples = song.samples(rate)
            if not len(samples):
                continue
            rng, used, held = np.random.default_rng([seed, song.number]), used + 1, song.held_out
            for _ in range(each):
                start = rng.integers(max(1, len(samples) - 2 * length))
                crop = np.resize(altered(samples[start : start + 2 * length], rate, rng), length)
                if held in last and rng.random() < MIX_SHARE:
                    crop = crop + 10 ** (rng.uniform(-12, 0) / 20) * last[held]
                last[held] = np.clip(crop, -1, 1).astype("float32")
                waveforms.append(last[held])
                held_out.append(held)
    if used < 10 or len(set(held_out)) < 2:
        raise KgenreError(f"The fit needs ten songs that can be used. Received: {used}. Name more music.")
    image = front_end(settings)
    images = [np.asarray(image(np.stack(waveforms[i : i + BATCH]))) for i in range(0, len(waveforms), BATCH)]
    return np.concatenate(images), np.array(held_out)


def fit_branch(branch: str, sizes: tuple[int, ...], images: np.ndarray, held_out: np.ndarray, advance: Callable):
    """The arrays of one branch, by "layer2_rank/kernel" and so on, and the share of variance that they lose."""
    from kgenre.archs.short_fcn import POOLS, rank_of
    from kgenre.archs.taggers import of_image
    from kgenre.weights import WEIGHTS, load

    published = of_image(load(WEIGHTS[f"fcn-{branch}"]))
    arrays = {f"spec_bn/{part}": published[f"spec_bn/{part}"] for part in ("gamma", "beta", *MOMENTS)}
    scale, offset = affine(published, "spec")
    normalised = images * scale + offset
    kernel, bias = folded(published, 1)
    exact = by_batch(lambda x: pooled(convolved(x, kernel, bias), POOLS[0]), normalised)
    kept = best_maps(exact[~held_out], *folded(published, 2), sizes[0], SHARE[2])
    arrays |= {"layer1_conv/kernel": kernel[..., kept], "layer1_conv/bias": bias[kept]}
    own = exact[..., kept]
    for number in range(2, len(POOLS) + 2):
        rank = rank_of(number, sizes)
        layers, own, exact = fit_layer(number, folded(published, number), rank, own, exact, held_out)
        parts = ("rank/kernel", "conv/kernel", "conv/bias") if rank else ("conv/kernel", "conv/bias")
        arrays |= {f"layer{number}_{part}": array for part, array in zip(parts, layers)}
        advance()
    rest = ((own - exact)[held_out] ** 2).sum() / ((exact - exact[held_out].mean(axis=0))[held_out] ** 2).sum()
    return arrays, float(rest)


def fit_layer(number: int, published: tuple, rank: int | None, own, exact, held_out: np.ndarray) -> tuple:
    """The arrays of one layer, and what it and the published one give: (crops, h, w, c), behind relu and pool."""
    from kgenre.archs.short_fcn import POOLS

    kernel, bias = published
    pool = highest if number > len(POOLS) else functools.partial(pooled, pool=POOLS[number - 1])
    if number > len(POOLS):  # see `short_fcn`: a value in time is of two seconds, and its neighbours overlap with it
        kernel, own, exact = kernel.sum(axis=1, keepdims=True), by_batch(window, own), by_batch(window, exact)
    layers = regression(own[~held_out], exact[~held_out], kernel, bias, rank, SHARE.get(number, 1.0))
    own = by_batch(lambda x: pool(convolved(x, *layers)), own)
    return layers, own, by_batch(lambda x: pool(convolved(x, kernel, bias)), exact)


def affine(arrays: dict, layer: str) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset that a batch normalisation comes to."""
    from kgenre.archs.taggers import EPSILON

    gamma, beta, mean, variance = (arrays[f"{layer}_bn/{part}"] for part in ("gamma", "beta", *MOMENTS))
    scale = gamma / np.sqrt(variance + EPSILON)
    return scale, beta - mean * scale


def folded(arrays: dict, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Kernel (3, 3, in, out) and bias of a convolution with the normalisation behind it."""
    scale, offset = affine(arrays, f"layer{number}")
    return arrays[f"layer{number}_conv/kernel"] * scale, arrays[f"layer{number}_conv/bias"] * scale + offset


def best_maps(x, kernel: np.ndarray, bias: np.ndarray, count: int, share: float) -> np.ndarray:
    """The maps from which a convolution is predicted with the least error: the others are dropped one by one.

    Args:
        x: float32 (n, height, width, in), the maps before the convolution.
        kernel, bias: (h, w, in, out) and (out,).
        count: of the maps that are kept.
        share: of the positions that are used, drawn.

    Returns:
        Sorted int (count,).
    """
    products, targets = moments(x, x, kernel, bias, share)
    size, maps = len(products) - 1, kernel.shape[2]
    kept = np.arange(maps)
    while len(kept) > count:
        used = np.append((np.arange(0, size, maps)[:, None] + kept).ravel(), size)
        inverse = np.linalg.inv(ridged(products[np.ix_(used, used)]))
        solution = inverse @ targets[used]
        losses = []
        for place in range(len(kept)):  # by how much the squared error grows without this one
            own = np.arange(place, len(used) - 1, len(kept))
            losses.append((solution[own] * np.linalg.solve(inverse[np.ix_(own, own)], solution[own])).sum())
        kept = np.delete(kept, np.argmin(losses))
    return kept


def regression(own, exact, kernel: np.ndarray, bias: np.ndarray, rank: int | None, share: float) -> tuple:
    """Least squares of a convolution of `exact` on patches of `own`, of a rank.

    Args:
        own, exact: float32 (n, height, width, maps), what the short network and the published one give before; the
            short one may have fewer maps.
        kernel, bias: (h, w, in, out) and (out,) of the published layer.
        rank: None for any.
        share: of the positions that are used, drawn.

    Returns:
        Kernel to `rank` maps and a 1 x 1 kernel from these, or one kernel to all; and the bias.
    """
    height, width, _, outputs = kernel.shape
    products, targets = moments(own, exact, kernel, bias, share)
    solution = np.linalg.solve(ridged(products), targets)
    weights, offset = solution[:-1], solution[-1]
    shape = (height, width, own.shape[-1], rank or outputs)
    if rank is None:
        return weights.reshape(shape).astype("float32"), offset.astype("float32")
    mean = products[-1, :-1]
    covariance = products[:-1, :-1] - np.outer(mean, mean)
    directions = np.linalg.eigh(weights.T @ covariance @ weights)[1][:, -rank:]  # that vary most
    offset = offset + mean @ weights - directions @ (directions.T @ (mean @ weights))
    first = (weights @ directions).reshape(shape)
    return tuple(array.astype("float32") for array in (first, directions.T[None, None], offset))


def moments(own, exact, kernel: np.ndarray, bias: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Second moments: mean products of the values of a patch of `own` and a 1, with themselves and with a convolution
    of `exact`.

    Returns:
        float64 (h w maps + 1, h w maps + 1) and (h w maps + 1, out).
    """
    import tensorflow as tf

    height, width, _, outputs = kernel.shape
    size = height * width * own.shape[-1]
    products, targets = np.zeros((size + 1, size + 1)), np.zeros((size + 1, outputs))
    rng, count = np.random.default_rng(0), 0
    for i in range(0, len(own), BATCH):
        patches = tf.image.extract_patches(
            own[i : i + BATCH], (1, height, width, 1), (1, 1, 1, 1), (1, 1, 1, 1), "SAME"
        ).numpy().reshape(-1, size)  # fmt: skip
        values = convolved(exact[i : i + BATCH], kernel, bias).numpy().reshape(-1, outputs)
        used = rng.random(len(patches)) < share
        patches = np.concatenate([patches[used], np.ones((used.sum(), 1), "float32")], axis=1)
        products += patches.T @ patches
        targets += patches.T @ values[used]
        count += len(patches)
    return products / count, targets / count


def ridged(products: np.ndarray) -> np.ndarray:
    return products + RIDGE * np.trace(products) / len(products) * np.eye(len(products))


def convolved(x, *layers):
    """Convolutions one after the other, then the bias: (n, h, w, in), kernels and bias -> (n, h, w, out)."""
    import tensorflow as tf

    *kernels, bias = layers
    for kernel in kernels:
        x = tf.nn.conv2d(x, kernel, 1, "SAME")
    return x + bias


def pooled(x, pool: tuple[int, int]):
    import tensorflow as tf

    return tf.nn.max_pool2d(tf.nn.relu(x), pool, pool, "VALID")


def window(x):
    """The maximum of two neighbours in time, circular."""
    return np.maximum(x, np.roll(x, -1, axis=2))


def highest(x):
    """(n, h, w, c) -> (n, c), not below 0."""
    import tensorflow as tf

    return tf.reduce_max(tf.nn.relu(x), axis=(1, 2))


def by_batch(function: Callable, x: np.ndarray) -> np.ndarray:
    first = np.asarray(function(x[:BATCH]))
    found = np.empty((len(x), *first.shape[1:]), "float32")  # once: the second layer takes 1 MB a crop
    found[:BATCH] = first
    for i in range(BATCH, len(x), BATCH):
        found[i : i + BATCH] = function(x[i : i + BATCH])
    return found
