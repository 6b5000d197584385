"""The head of the default model: altered copies, linear classifiers, temperature, and the command that fits it."""

import dataclasses
import json

import numpy as np
import pytest
from musicnn_reference import RATE, clip
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from small_run import GENRES

from kgenre import default_head
from kgenre.baselines import default_head as engine
from kgenre.baselines.alteration import altered, equalised
from kgenre.baselines.linear import discriminant, slice_weights
from kgenre.baselines.linear_head import (
    SliceFeatures,
    discriminants,
    find_temperature,
    fit_head,
    logistic,
    track_probabilities,
)
from kgenre.serving.litert_model import LitertModel
from kgenre.serving.packaged import PACKAGED


@pytest.mark.soak
def test_command_on_a_collection_writes_head_and_metrics(cache, collection, tmp_path, monkeypatch):
    monkeypatch.setitem(engine.FITS, "musicnn", dataclasses.replace(engine.FITS["musicnn"], copies=1))
    assert (
        default_head.main(
            ["--model", "musicnn", "--data", str(collection / "manifest.csv"), "--out", str(tmp_path / "head")]
        )
        == 0
    )
    assert (tmp_path / "head" / "labels.txt").read_text().split() == list(GENRES)
    metrics = json.loads((tmp_path / "head" / "metrics.json").read_text())
    assert metrics["split"] == "valid" and metrics["fitted_on"] + metrics["tracks"] < 18  # test tracks are left out
    with np.load(tmp_path / "head" / "head.npz") as head:
        assert head["kernel"].shape == (1706, 3) and np.isfinite(head["kernel"]).all()
    model = LitertModel(tmp_path / "head" / "model.tflite")
    assert model.labels == GENRES and np.isfinite(model(clip(2.98)).probabilities).all()
    assert (tmp_path / "head" / "tags.npz").is_file()
    before = model.path.read_bytes()
    np.savez(tmp_path / "head" / "head.npz", kernel=np.zeros((5, 3)), bias=np.zeros(3))  # cannot be exported
    with pytest.raises(ValueError, match="shape"):
        PACKAGED["musicnn"].at(tmp_path / "head").write_litert_files()
    assert model.path.read_bytes() == before and not list((tmp_path / "head").glob(".part-*"))


def test_altered_copies_vary_in_length_and_level_and_stay_finite():
    rng = np.random.default_rng(0)
    samples = clip(3.0)[0]
    copies = [altered(samples, RATE, rng) for _ in range(40)]
    lengths = np.array([len(copy) for copy in copies]) / len(samples)
    assert 0.85 < lengths.min() and lengths.max() < 1.17
    assert all(copy.dtype == np.float32 and np.isfinite(copy).all() for copy in copies)
    levels = np.array([copy.std() for copy in copies]) / samples.std()
    assert levels.min() < 0.5 and levels.max() > 1.3
    assert np.isfinite(altered(np.zeros(RATE, "float32"), RATE, rng)).all()


def test_equalised_sine_has_the_gain_at_its_frequency():
    time = np.arange(RATE) / RATE
    for hz, db in ((300, 6.0), (3000, -12.0)):
        sine = np.sin(2 * np.pi * hz * time)
        gains = np.where(np.array([0, 100, 300, 1000, 3000, 8000]) == hz, db, 0.0)
        output = equalised(sine, RATE, gains)
        assert 20 * np.log10(output.std() / sine.std()) == pytest.approx(db, abs=0.05)


def test_discriminant_of_equal_weights_equals_scikit_learn():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 30)
    x = rng.standard_normal((90, 12)) + 0.7 * rng.standard_normal((3, 12))[y]
    kernel, bias = discriminant(x, y, np.ones(90), shrinkage=0.3)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3, priors=np.full(3, 1 / 3)).fit(x, y)
    ours = x @ kernel + bias
    np.testing.assert_allclose(softmax(ours, axis=1), theirs.predict_proba(x), atol=1e-6)


def test_slice_weights_of_unequal_tracks_sum_equally_by_track_and_genre():
    truth = np.array([0, 0, 1])
    track = np.array([0, 0, 0, 0, 1, 2, 2])
    weights = slice_weights(track, truth)
    np.testing.assert_allclose(np.bincount(track, weights), np.array([1, 1, 2]) / 4 * 7)


def test_temperature_of_overconfident_head_calibrates_it():
    """Slices of one track each, whose features tell the genre of 70 %: probabilities should say about 0.7."""
    rng = np.random.default_rng(0)
    truth = np.arange(300) % 2
    seen = np.where(rng.random(300) < 0.7, truth, 1 - truth)
    x = 0.01 * rng.standard_normal((300, 1706)) + seen[:, None] * (np.arange(1706) < 40)
    features = SliceFeatures(x.astype("float32"), np.arange(300), np.ones(300, bool))
    every = np.ones(300, bool)
    classifiers = engine.FITS["musicnn"].classifiers
    temperature = find_temperature(features, truth, every, np.arange(300).astype(str), classifiers)
    head = fit_head(features, truth, every, classifiers)
    highest = track_probabilities(features, head, np.arange(300), temperature).max(axis=1)
    assert 0.6 < highest.mean() < 0.8


def test_head_leaves_out_columns_that_are_constant_but_for_rounding():
    """One of them answers in a song that was not fitted: standardized, it alone would decide."""
    rng = np.random.default_rng(0)
    truth = np.arange(60) % 2
    x = rng.standard_normal((60, 4)) + 3 * truth[:, None] * np.array([1, 0, 0, 0])
    x[:, 2] = 0.3 + 1e-7 * rng.standard_normal(60)
    x[:, 3] = 0.0
    features = SliceFeatures(x.astype("float32"), np.arange(60), np.ones(60, bool))
    head = fit_head(features, truth, np.ones(60, bool), (logistic(0.1), discriminants(0.1, np.arange(1, 4))))
    assert np.isfinite(head.kernel).all() and not head.kernel[2:].any()
    assert np.abs(head.kernel[0]).min() > 0.1
