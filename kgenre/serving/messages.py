"""The messages of TensorFlow Serving that are written and read here, declared from its .proto files.

They are the same bytes as those of tensorflow-serving-api, which the tests compare. To import that package's messages
imports all of TensorFlow: 5 s, 800 MB of memory and 2 GB of disk. These need nothing but protobuf.
"""

import functools
import math

import numpy as np

from kgenre.core.errors import KgenreError

PACKAGE = "kgenre.serving"
MANY = "repeated "
# Messages with their fields: name, number, type. As in tensorflow_serving/apis and tensorflow/core/framework. On the
# wire a map is a repeated message of key and value, and an enum an int32.
MESSAGES = {
    "Dim": (("size", 1, "int64"),),
    "TensorShape": (("dim", 2, "repeated .Dim"),),
    "Tensor": (
        ("dtype", 1, "int32"),
        ("tensor_shape", 2, ".TensorShape"),
        ("tensor_content", 4, "bytes"),
        ("float_val", 5, "repeated float"),
        ("double_val", 6, "repeated double"),
        ("int_val", 7, "repeated int32"),
        ("string_val", 8, "repeated bytes"),
        ("int64_val", 10, "repeated int64"),
    ),
    "Int64Value": (("value", 1, "int64"),),
    "ModelSpec": (
        ("name", 1, "string"),
        ("version", 2, ".Int64Value"),
        ("signature_name", 3, "string"),
        ("version_label", 4, "string"),
    ),
    "TensorEntry": (("key", 1, "string"), ("value", 2, ".Tensor")),
    "PredictRequest": (("model_spec", 1, ".ModelSpec"), ("inputs", 2, "repeated .TensorEntry")),
    "PredictResponse": (("outputs", 1, "repeated .TensorEntry"),),
    "PredictLog": (("request", 1, ".PredictRequest"),),
    "PredictionLog": (("predict_log", 6, ".PredictLog"),),
}
# DataType of tensorflow/core/framework/types.proto: NumPy's type, and the field of values that are not in bytes.
FLOAT, INT32, STRING = 1, 3, 7
TYPES = {
    FLOAT: ("<f4", "float_val"),
    2: ("<f8", "double_val"),
    INT32: ("<i4", "int_val"),
    STRING: (None, "string_val"),
    9: ("<i8", "int64_val"),
}
MOST_VALUES = 1 << 24  # that one value may stand for
NUMBERS = {np.dtype(kind): number for number, (kind, _) in TYPES.items() if kind}


def message(name: str):
    """An empty message of MESSAGES."""
    return message_class(name)()


@functools.cache
def message_class(name: str):
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


def fill_tensor(tensor, values: np.ndarray) -> None:
    """Writes float32, float64, int32 or int64 values into a Tensor, as their bytes."""
    tensor.dtype = NUMBERS[values.dtype]
    set_shape(tensor, values.shape)
    tensor.tensor_content = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def set_shape(tensor, shape: tuple[int, ...]) -> None:
    tensor.tensor_shape.SetInParent()  # which a scalar has, too
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)


def tensor_values(tensor) -> np.ndarray:
    """The values of a Tensor, which may be bytes or numbers, the last of which stands for all that follow.

    Raises:
        KgenreError: it has another type than those of TYPES, or too many or too few values.
    """
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    size = math.prod(shape)
    kind, field = TYPES.get(tensor.dtype, (None, None))
    if field is None:
        raise KgenreError(f"A tensor must be of the types {', '.join(map(str, TYPES))}. Received: {tensor.dtype}.")
    if min(shape, default=0) < 0:
        raise KgenreError(f"A tensor's dimensions must be 0 or more. Received: the shape {shape}.")
    if tensor.tensor_content and kind:
        values = _numbers(tensor.tensor_content, kind)
    else:
        values = getattr(tensor, field)
        values = _texts(values) if field == "string_val" else np.array(values, kind)
        if 0 < len(values) < size <= MOST_VALUES:
            values = np.concatenate([values, np.repeat(values[-1:], size - len(values))])
    if len(values) != size:
        raise KgenreError(f"A tensor of the shape {shape} must have {size} values. Received: {len(values)}.")
    return values.reshape(shape)


def _numbers(content: bytes, kind: str) -> np.ndarray:
    if len(content) % np.dtype(kind).itemsize:
        raise KgenreError(f"A tensor of {kind} must have whole values. Received: {len(content)} bytes.")
    return np.frombuffer(content, kind)


def _texts(values) -> np.ndarray:
    try:
        return np.array([text.decode() for text in values])
    except UnicodeDecodeError as error:
        raise KgenreError(f"A tensor's texts must be UTF-8 ({error.reason}).") from error


@functools.cache
def _pool():
    """MESSAGES in a pool of their own: tensorflow-serving-api may be imported beside."""
    from google.protobuf import descriptor_pb2, descriptor_pool

    field_type, pool = descriptor_pb2.FieldDescriptorProto, descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(name=f"{PACKAGE}.proto", package=PACKAGE, syntax="proto3")
    for name, fields in MESSAGES.items():
        declared = file.message_type.add(name=name)
        for field_name, number, kind in fields:
            field, one = declared.field.add(name=field_name, number=number), kind.removeprefix(MANY)
            field.label = field_type.LABEL_REPEATED if one != kind else field_type.LABEL_OPTIONAL
            if one.startswith("."):
                field.type, field.type_name = field_type.TYPE_MESSAGE, f".{PACKAGE}{one}"
            else:
                field.type = field_type.Type.Value(f"TYPE_{one.upper()}")
    pool.Add(file)
    return pool
