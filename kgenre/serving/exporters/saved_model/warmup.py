"""Requests that TF Serving runs as it loads a model, so that the first user does not wait for what is set up lazily.

https://www.tensorflow.org/tfx/serving/saved_model_warmup: a TFRecord file of PredictionLog messages.
"""

import io
import wave
from pathlib import Path

from kgenre.audio.inputs import WAVEFORM
from kgenre.audio.slicing import SliceSpec
from kgenre.serving.messages import FLOAT, INT32, STRING, TYPES, message, set_shape

FILE = "tf_serving_warmup_requests"  # TF Serving knows it by this name
SECONDS = (30, 240)  # of clips and of songs, beside one slice
WAV_RATE, WAV_SECONDS = 44100, 1


def write_warmup(folder: Path, spec: SliceSpec) -> None:
    """Writes the requests of `warmup_requests` to FILE in a SavedModel's assets.extra."""
    import tensorflow as tf

    folder.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for signature, inputs in warmup_requests(spec):
            writer.write(prediction_log(signature, inputs))


def warmup_requests(spec: SliceSpec) -> list[tuple[str, dict]]:
    """Signature and inputs of each request: silence, of one slice and of SECONDS; of files, one of each width.

    An input is bytes, or a value and a shape: a tensor that is the same everywhere is a few bytes in a message.
    """
    from kgenre.serving.exporters.saved_model.signatures import LENGTHS, WAV_BYTES, masked_name

    lengths = [spec.slice_samples, *(round(seconds * spec.sample_rate) for seconds in SECONDS)]
    tracks = [{spec.input: (0.0, (1, length, *spec.shape[1:]))} for length in lengths]
    requests = [("serving_default", track) for track in tracks]
    requests += [
        (masked_name(spec), {**track, LENGTHS[spec.input]: (length, (1,))}) for track, length in zip(tracks, lengths)
    ]
    requests.append(("embed", tracks[1]))
    if spec.input == WAVEFORM:
        requests += [(WAV_BYTES, {WAV_BYTES: silent_wav(channels)}) for channels in (1, 2)]
    return requests


def silent_wav(channels: int) -> bytes:
    """A WAV file of WAV_SECONDS of silence."""
    file, frames = io.BytesIO(), WAV_RATE * WAV_SECONDS
    with wave.open(file, "wb") as out:
        out.setparams((channels, 2, WAV_RATE, frames, "NONE", ""))
        out.writeframes(bytes(2 * channels * frames))
    return file.getvalue()


def prediction_log(signature: str, inputs: dict) -> bytes:
    """A PredictionLog of one request, serialised."""
    log = message("PredictionLog")
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    for name, value in sorted(inputs.items()):
        _fill(request.inputs.add(key=name).value, value)
    return log.SerializeToString(deterministic=True)


def _fill(tensor, value) -> None:
    if isinstance(value, bytes):
        tensor.dtype = STRING
        set_shape(tensor, (1,))
        tensor.string_val.append(value)
        return
    number, shape = value
    tensor.dtype = FLOAT if isinstance(number, float) else INT32
    set_shape(tensor, shape)
    getattr(tensor, TYPES[tensor.dtype][1]).append(number)
