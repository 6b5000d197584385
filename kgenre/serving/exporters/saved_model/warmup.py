"""Requests that TF Serving runs as it loads a model, so that the first user does not wait for what is set up lazily.

https://www.tensorflow.org/tfx/serving/saved_model_warmup: a TFRecord file of PredictionLog messages. Of the four
messages the fields that are needed are declared here, with the numbers of TF Serving's .proto files: what is written
is the same bytes, and exports need no package beside TensorFlow. The tests parse them with tensorflow-serving-api.
"""

import functools
import io
import wave
from pathlib import Path

import numpy as np

from kgenre.audio.inputs import WAVEFORM
from kgenre.audio.slicing import SliceSpec

FILE = "tf_serving_warmup_requests"  # TF Serving knows it by this name
SECONDS = (30, 240)  # of clips and of songs, beside one slice
WAV_RATE, WAV_SECONDS = 44100, 1

# Messages with their fields: name, number, type, and whether it is a map's entry. As in tensorflow_serving/apis.
PACKAGE = "kgenre.warmup"
MESSAGES = {
    "ModelSpec": (("signature_name", 3, "string"),),
    "InputsEntry": (("key", 1, "string"), ("value", 2, ".tensorflow.TensorProto")),
    "PredictRequest": (("model_spec", 1, f".{PACKAGE}.ModelSpec"), ("inputs", 2, f".{PACKAGE}.InputsEntry")),
    "PredictLog": (("request", 1, f".{PACKAGE}.PredictRequest"),),
    "PredictionLog": (("predict_log", 6, f".{PACKAGE}.PredictLog"),),
}
REPEATED = "inputs"  # a map is a repeated message of key and value on the wire


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
    log = _message_class("PredictionLog")()
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    for name, value in sorted(inputs.items()):
        request.inputs.add(key=name).value.ParseFromString(_tensor(value).SerializeToString())
    return log.SerializeToString(deterministic=True)


def _tensor(value):
    import tensorflow as tf

    if isinstance(value, bytes):
        return tf.make_tensor_proto([value])
    number, shape = value
    return tf.make_tensor_proto(number, np.float32 if isinstance(number, float) else np.int32, shape)


def _message_class(name: str):
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


@functools.cache
def _pool():
    """MESSAGES as protobuf descriptors, in a pool of their own: tensorflow-serving-api may be imported beside."""
    from google.protobuf import descriptor_pb2, descriptor_pool
    from tensorflow.core.framework import tensor_pb2

    pool, tensor = descriptor_pool.DescriptorPool(), tensor_pb2.DESCRIPTOR
    for file in (*_imports(tensor), tensor):
        pool.AddSerializedFile(file.serialized_pb)
    declared = descriptor_pb2.FileDescriptorProto(name=f"{PACKAGE}.proto", package=PACKAGE, syntax="proto3")
    declared.dependency.append(tensor.name)
    field_type = descriptor_pb2.FieldDescriptorProto
    for message, fields in MESSAGES.items():
        declared_message = declared.message_type.add(name=message)
        for name, number, kind in fields:
            label = field_type.LABEL_REPEATED if name == REPEATED else field_type.LABEL_OPTIONAL
            field = declared_message.field.add(name=name, number=number, label=label)
            if kind == "string":
                field.type = field_type.TYPE_STRING
            else:
                field.type, field.type_name = field_type.TYPE_MESSAGE, kind
    pool.Add(declared)
    return pool


def _imports(file) -> list:
    """The files that a file of descriptors imports, each after its own imports."""
    found = []
    for one in file.dependencies:
        found += [before for before in (*_imports(one), one) if before not in found]
    return found
