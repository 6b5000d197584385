"""The signatures of an exported model against the Keras model."""

import math

import numpy as np
import pytest
from exported_models import FRAMES, LENGTHS, TOLERANCE, check, frames, padded, tracks, values

from kgenre.core.errors import KgenreError
from kgenre.serving.exporters import export_model
from kgenre.serving.exporters.saved_model import signatures as table


def test_signatures_of_waveforms_have_the_documented_tensors(waveforms):
    found = {
        name: {key: (spec.dtype.name, spec.shape.rank) for key, spec in serve.structured_input_signature[1].items()}
        for name, serve in waveforms.signatures.items()
    }
    waveform = {"waveform": ("float32", 2)}
    assert found == {
        "serving_default": waveform,
        "waveform_masked": {**waveform, "num_samples": ("int32", 1)},
        "wav_bytes": {"wav_bytes": ("string", 1)},
        "embed": waveform,
        "about": {},
        "about_rows": {"row": ("int32", 1)},
    }


@pytest.mark.parametrize("samples", LENGTHS)
def test_serving_default_and_embed_equal_the_keras_model(waveforms, samples):
    batch = np.stack(tracks([samples, samples], seed=samples))
    served = values(waveforms.signatures["serving_default"](waveform=batch))
    embedded = values(waveforms.signatures["embed"](waveform=batch))
    assert set(served) == {"probabilities", "slice_probabilities", "embedding"}
    assert set(embedded) == {"embedding", "slice_embeddings"}
    for row, track in enumerate(batch):
        expected = waveforms.expected(track)
        check({name: value[row] for name, value in served.items()}, expected, served)
        check({name: value[row] for name, value in embedded.items()}, expected, embedded)


@pytest.mark.parametrize("filling", [0.0, 1.0, math.nan, -math.inf, 1e30])
def test_masked_answers_for_each_track_as_if_alone_whatever_is_behind_it(waveforms, filling):
    parts = tracks(LENGTHS)
    batch, lengths = padded(parts, filling), np.array(LENGTHS, "int32")
    answer = values(waveforms.signatures["waveform_masked"](waveform=batch, num_samples=lengths))
    for row, part in enumerate(parts):
        expected, n = waveforms.expected(part), int(answer["num_slices"][row])
        assert n == len(expected["slice_probabilities"])
        found = {name: value[row] for name, value in answer.items()}
        assert not found["slice_probabilities"][n:].any()
        found["slice_probabilities"] = found["slice_probabilities"][:n]
        check(found, expected, ("probabilities", "slice_probabilities", "embedding"))
    # Tracks differ by more than what is tolerated, or agreement would mean nothing.
    assert np.ptp(answer["probabilities"], axis=0).max() > 1000 * TOLERANCE


def test_masked_answer_is_the_same_in_any_batch_and_order(waveforms):
    parts = tracks([99999, 40000, 12345, 70000], seed=3)
    loud = np.sign(tracks([90000], seed=4)[0])
    serve, alone = waveforms.signatures["waveform_masked"], []
    for part in parts:
        alone.append(serve(waveform=part[None], num_samples=np.array([len(part)], "int32"))["probabilities"][0])
    for order in ([0, 1, 2, 3], [3, 1], [2, 0, 3]):
        batch = [loud, *(parts[number] for number in order)]
        lengths = np.array([len(part) for part in batch], "int32")
        found = serve(waveform=padded(batch, 0.5), num_samples=lengths)["probabilities"][1:]
        np.testing.assert_allclose(found, [alone[number] for number in order], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("lengths", [[5, 5], [-1, 5, 5], [5, 11, 5], [5, 5, 5, 5], []])
def test_masked_refuses_lengths_that_are_not_those_of_the_batch(waveforms, lengths):
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError, match="`num_samples` must have one number from 0 to"):
        waveforms.signatures["waveform_masked"](
            waveform=np.zeros((3, 10), "float32"), num_samples=np.array(lengths, "int32")
        )


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_samples_that_are_not_finite_count_as_silence(waveforms, value):
    bad, good = tracks([50000]), tracks([50000])
    bad[0][1000:1100], good[0][1000:1100] = value, 0.0
    answers = [
        values(waveforms.signatures["serving_default"](waveform=part[0][None]))["probabilities"] for part in (bad, good)
    ]
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30, -3e38, 1e-40, 0.0, 32767.0])
def test_answers_are_finite_whatever_the_samples(waveforms, value):
    batch = np.full((2, 40000), value, "float32")
    batch[1, ::2] = 0.1
    lengths = np.array([40000, 39999], "int32")
    for name, inputs in {"serving_default": {}, "embed": {}, "waveform_masked": {"num_samples": lengths}}.items():
        answer = values(waveforms.signatures[name](waveform=batch, **inputs))
        assert all(np.isfinite(one).all() for one in answer.values()), name
        if "probabilities" in answer:
            np.testing.assert_allclose(answer["probabilities"].sum(axis=1), 1, atol=TOLERANCE)


def test_empty_batches_have_empty_answers(waveforms):
    serve = waveforms.signatures
    assert serve["waveform_masked"](waveform=np.zeros((0, 9), "float32"), num_samples=np.zeros(0, "int32"))[
        "probabilities"
    ].shape == (0, 3)
    assert serve["embed"](waveform=np.zeros((0, 9), "float32"))["embedding"].shape[0] == 0
    assert serve["wav_bytes"](wav_bytes=np.array([], "S1"))["probabilities"].shape == (0, 3)


@pytest.mark.parametrize("filling", [0.0, math.nan, 1e30])
def test_spectrograms_have_a_masked_signature_of_frames(spectrograms, filling):
    assert set(spectrograms.signatures) == {"serving_default", "spectrogram_masked", "embed", "about", "about_rows"}
    parts = frames(FRAMES)
    answer = values(
        spectrograms.signatures["spectrogram_masked"](
            spectrogram=padded(parts, filling), num_frames=np.array(FRAMES, "int32")
        )
    )
    for row, part in enumerate(parts):
        check({name: value[row] for name, value in answer.items()}, spectrograms.expected(part), ["probabilities"])
    whole = spectrograms.signatures["serving_default"](spectrogram=np.full((1, 40, 12), filling, "float32"))
    assert all(np.isfinite(value).all() for value in values(whole).values())


def wrong_masked(original):
    return lambda lengths, batch, spec: original(lengths, batch, spec) // 2


def wrong_files(original):
    def decoded(files, spec):
        samples, firsts, lengths = original(files, spec)
        return samples, firsts, lengths // 2

    return decoded


def wrong_labels(original):
    return lambda value: original(value[::-1] if isinstance(value, list) else value)


# The fault, and the model that shows it: that of spectrograms has no audio to decode, and is exported in less time.
FAULTS = {
    "_checked": (wrong_masked, "spectrograms"),
    "_decoded": (wrong_files, "waveforms"),
    "_constant": (wrong_labels, "spectrograms"),
}


@pytest.mark.parametrize("function", FAULTS)
def test_export_of_a_signature_that_answers_otherwise_is_refused(request, tmp_path, monkeypatch, function):
    fault, model = FAULTS[function]
    model = request.getfixturevalue(model)
    monkeypatch.setattr(table, function, fault(getattr(table, function)))
    with pytest.raises(KgenreError, match="differs from the trained one"):
        export_model(model.network, model.task, model.spec, tmp_path / "1")
    assert not list(tmp_path.iterdir())
