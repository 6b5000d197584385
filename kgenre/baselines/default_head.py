"""The head of the default model: three linear classifiers on musicnn's features, averaged.

Every track counts as much as its genre's others and every genre as much as another. What is learnt from are
slices of one length, cut from the tracks as they are and from altered copies (speed, equaliser, band limit,
level, noise, repeated short cuts), so that a cut of 2 s and a whole song, of any rate and level, are alike to it.
"""

import dataclasses

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress

COPIES = 6  # altered copies of each track


SLICES = 7  # of each altered copy, at most: a long track teaches little more


OVERLAP = 2  # slices of a copy start every half of their length


BATCH = 32


def make_head(data: dict, truth: np.ndarray, learnt: np.ndarray, of: np.ndarray) -> dict[str, np.ndarray]:
    """The head as it is shipped: its temperature in it, rounded to half precision."""
    kernel, bias = fit(data, truth, learnt)
    temperature = find_temperature(data, truth, learnt, of)
    return {"kernel": (kernel / temperature).astype("float16"), "bias": (bias / temperature).astype("float32")}


def extract(
    paths: list[str], config, seed: int, progress: Progress = SILENT
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Features of slices: x (slices, 1706), row (slices,) number of the track, plain (slices,) not altered.

    A track as it is gives the slices that are served; and {path: cause} of those that cannot be used.
    """
    import keras
    import tensorflow as tf

    from kgenre.audio.decoders import AudioError
    from kgenre.audio.slicing import cut_slices
    from kgenre.audio.track import SLICES_PER_TRACK, read_samples
    from kgenre.serving.default_model import network

    model = network(config, 2)
    features = tf.function(keras.Model(model.input, model.get_layer("features").output), reduce_retracing=True)
    parts, rows, plain, failures = [], [], [], {}
    most_seconds = SLICES_PER_TRACK * config.slice_spec.slice_seconds  # of a longer track, its beginning
    with progress.task("analysing", len(paths), "tracks") as advance:
        for row, path in enumerate(paths):
            advance()
            try:
                samples = read_samples(path, config.sample_rate_hz, most_seconds).samples
            except AudioError as error:
                failures[path] = error.cause
                continue
            for copy in range(1 + COPIES):
                rng = np.random.default_rng([seed, row, copy])
                heard = altered(samples, config.sample_rate_hz, rng) if copy else samples
                spec = (
                    dataclasses.replace(config.slice_spec, hop_samples=config.slice_samples // OVERLAP)
                    if copy
                    else config.slice_spec
                )
                slices = cut_slices(heard, spec)
                if copy and len(slices) > SLICES:
                    slices = slices[rng.choice(len(slices), SLICES, replace=False)]
                parts += [features(slices[i : i + BATCH]).numpy() for i in range(0, len(slices), BATCH)]
                rows += [row] * len(slices)
                plain += [copy == 0] * len(slices)
    if not parts:
        raise KgenreError("No track can be used: " + next(iter(failures.values()), "there is none."))
    return {"x": np.concatenate(parts), "row": np.array(rows), "plain": np.array(plain)}, failures


def altered(samples: np.ndarray, rate: int, rng) -> np.ndarray:
    """A copy as another pressing, player or rip might sound: (samples,) -> (other samples,)."""
    import soxr

    samples = soxr.resample(samples, rate, rate * rng.uniform(0.88, 1.14))  # speed and pitch together
    samples = equalised(samples, rate, rng.normal(0, 3, 6))
    if rng.random() < 0.15:  # a source of 8 or 11 kHz
        low = rng.choice([8000, 11025])
        samples = soxr.resample(soxr.resample(samples, rate, low), low, rate)
    if rng.random() < 0.2:  # a cut so short that it is repeated
        length = int(rng.uniform(1, 2.5) * rate)
        start = rng.integers(max(1, len(samples) - length))
        samples = np.resize(samples[start : start + length], max(length, 3 * rate))
    samples = samples * 10 ** (rng.uniform(-12, 6) / 20)
    noise = 10 ** (rng.uniform(-80, -40) / 20) * rng.standard_normal(len(samples))
    return (samples + noise).astype("float32")


def equalised(samples: np.ndarray, rate: int, gains_db: np.ndarray) -> np.ndarray:
    """Gains at 0, 100, 300, 1000, 3000 Hz and half the rate, straight lines between them."""
    spectrum = np.fft.rfft(samples)
    hz = np.linspace(0, rate / 2, len(spectrum))
    gain = np.interp(hz, [0, 100, 300, 1000, 3000, rate / 2], gains_db)
    return np.fft.irfft(spectrum * 10 ** (gain / 20), len(samples))


def fit(data: dict, truth: np.ndarray, learnt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of three linear classifiers, each scaled to logits of one deviation: kernel (1706, classes), bias."""
    use = learnt[data["row"]]
    x, row = data["x"][use].astype("float64"), data["row"][use]
    weights = slice_weights(row, truth)
    kernel, bias = np.zeros((x.shape[1], truth.max() + 1)), np.zeros(truth.max() + 1)
    embedding, means, pooled = np.arange(200), np.arange(201, 1706, 2), np.arange(200, 1706)
    for columns, classifier in (
        (np.concatenate([embedding, means]), lambda *a: discriminant(*a, shrinkage=0.3)),
        (embedding, lambda *a: discriminant(*a, shrinkage=0.1)),
        (pooled, lambda *a: logistic(*a, c=0.001)),
    ):
        one, its_bias = standardised(classifier, x[:, columns], truth[row], weights)
        logits = x[:, columns] @ one + its_bias
        scale = 3 * (logits - logits.mean(axis=1, keepdims=True)).std() / 2.5
        kernel[columns] += one / scale
        bias += its_bias / scale
    return kernel, bias


def slice_weights(row: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Every track of a genre weighs the same, and every genre; mean 1."""
    weights = 1 / np.bincount(row)[row]
    genre = np.bincount(truth[row], weights)
    return weights / genre[truth[row]] * len(row) / (genre > 0).sum()


def standardised(classifier, x, y, weights) -> tuple[np.ndarray, np.ndarray]:
    """A linear classifier of standardised columns, as kernel and bias of the columns as they are."""
    mean = np.average(x, axis=0, weights=weights)
    deviation = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weights)) + 1e-6
    kernel, bias = classifier((x - mean) / deviation, y, weights)
    kernel = kernel / deviation[:, None]
    return kernel, bias - mean @ kernel


def discriminant(x, y, weights, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
    """Linear discriminants of equal priors; the covariance is shrunk to a multiple of the identity.

    scikit-learn's takes no weights of samples.
    """
    means = np.stack([np.average(x[y == label], axis=0, weights=weights[y == label]) for label in range(y.max() + 1)])
    rest = x - means[y]
    covariance = (rest * weights[:, None]).T @ rest / weights.sum()
    spherical = np.eye(len(covariance)) * np.trace(covariance) / len(covariance)
    kernel = np.linalg.solve((1 - shrinkage) * covariance + shrinkage * spherical, means.T)
    return kernel, -0.5 * (means.T * kernel).sum(axis=0)


def logistic(x, y, weights, c: float) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, max_iter=300, tol=1e-3).fit(x, y, sample_weight=weights)
    if len(model.intercept_) == 1:  # of two genres scikit-learn gives the difference of their logits
        half, bias = model.coef_.T / 2, model.intercept_[0] / 2
        return np.hstack([-half, half]), np.array([-bias, bias])
    return model.coef_.T, model.intercept_


def track_probabilities(data: dict, head, tracks: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Mean over the unaltered slices of each track, (tracks, classes)."""
    from scipy.special import softmax

    kernel, bias = head
    answers = []
    for track in tracks:
        x = data["x"][(data["row"] == track) & data["plain"]]
        answers.append(softmax((x @ kernel + bias) / temperature, axis=1).mean(axis=0))
    return np.stack(answers)


def groups(table) -> np.ndarray:
    """What no fold may part: the artist where it is known, else ten neighbours by number, who often share one."""
    number = table["track_id"].str.extract(r"(\d+)$")[0].fillna("0").astype(int) // 10
    return np.where(table["artist"] == "", table["genre"] + "-" + number.astype(str), table["artist"])


def find_temperature(data: dict, truth: np.ndarray, learnt: np.ndarray, of: np.ndarray) -> float:
    """The temperature of least cross-entropy of whole tracks, over five folds of `learnt` that keep groups whole."""
    from scipy.optimize import minimize_scalar
    from sklearn.model_selection import StratifiedGroupKFold

    tracks = np.flatnonzero(learnt)
    n_folds = min(5, len(set(of[tracks])), np.bincount(truth[tracks]).max())
    if n_folds < 2:
        return 1.0
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=0).split(tracks, truth[tracks], of[tracks])
    fitted = []
    for some, rest in folds:
        mask = np.zeros(len(truth), bool)
        mask[tracks[some]] = True
        fitted.append((fit(data, truth, mask), tracks[rest]))

    def loss(log_temperature: float) -> float:
        losses = []
        for head, rest in fitted:
            probabilities = track_probabilities(data, head, rest, np.exp(log_temperature))
            losses.append(-np.log(probabilities[np.arange(len(rest)), truth[rest]] + 1e-12))
        return float(np.concatenate(losses).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2, 2), method="bounded", options={"xatol": 0.02}).x))
