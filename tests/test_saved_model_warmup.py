"""The requests that TF Serving runs as it loads a model, parsed with its own messages."""

import numpy as np
from exported_models import values
from google.protobuf.unknown_fields import UnknownFieldSet

from kgenre.serving.exporters.saved_model.warmup import prediction_log, warmup_requests


def test_warmup_requests_are_prediction_logs_that_the_signatures_answer(waveforms, spectrograms):
    """As TF Serving does: parse each, and run its signature; a request that fails would keep the model from loading."""
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    for model in (waveforms, spectrograms):
        file = model.folder / "assets.extra" / "tf_serving_warmup_requests"
        asked = []
        for record in tf.data.TFRecordDataset(str(file)):
            log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
            assert log.WhichOneof("log_type") == "predict_log"
            request = log.predict_log.request
            for message in (log, log.predict_log, request, request.model_spec):
                assert not len(UnknownFieldSet(message))
            serve = model.signatures[request.model_spec.signature_name]
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            expected = serve.structured_input_signature[1]
            for name, spec in expected.items():
                assert spec.dtype == tf.as_dtype(request.inputs[name].dtype)
            assert set(inputs) == set(expected)
            first = inputs.get("waveform", inputs.get("spectrogram", np.zeros(0)))
            asked.append((request.model_spec.signature_name, first.shape))
            answer = serve(**{name: tf.constant(value) for name, value in inputs.items()})
            assert all(np.isfinite(value).all() for value in values(answer).values())
        rate = model.spec.sample_rate
        lengths = [shape[1] for name, shape in asked if name == "serving_default"]
        assert lengths == [model.spec.slice_samples, 30 * rate, 240 * rate]
        assert {name for name, _ in asked} == set(model.signatures) - {"about", "about_rows"}
        assert file.stat().st_size < 1e6


def test_warmup_messages_are_the_bytes_of_the_official_ones(waveforms):
    from tensorflow_serving.apis import prediction_log_pb2

    for signature, inputs in warmup_requests(waveforms.spec):
        ours = prediction_log(signature, inputs)
        official = prediction_log_pb2.PredictionLog.FromString(ours)
        assert official.SerializeToString(deterministic=True) == ours
