"""Weight files of torch assembled byte by byte, without PyTorch: honest ones, and such as torch would never write."""

import io
import struct
import zipfile

import numpy as np

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def program(body: bytes) -> bytes:
    return b"\x80\x02" + body + b"."


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    content = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def numbers(values) -> bytes:
    return group(*map(number, values))


def group(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def listed(*parts: bytes) -> bytes:
    return b"](" + b"".join(parts) + b"e"


def name(dotted: str) -> bytes:
    module, _, attribute = dotted.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


def call(function: str, *arguments: bytes) -> bytes:
    return name(function) + group(*arguments) + b"R"


def mapping(**values: bytes) -> bytes:
    return call("collections.OrderedDict") + items(**values)


def items(**values: bytes) -> bytes:
    return b"(" + b"".join(text(key) + value for key, value in values.items()) + b"u"


def storage(key: str = "0", size: int = 6, kind: str = "torch.FloatStorage", *view: bytes) -> bytes:
    return group(text("storage"), name(kind), text(key), text("cpu"), number(size), *view) + b"Q"


def tensor(stored: bytes | None = None, offset: int = 0, shape=(2, 3), strides=(3, 1)) -> bytes:
    stored = storage() if stored is None else stored
    hooks = call("collections.OrderedDict")
    return call(
        "torch._utils._rebuild_tensor_v2", stored, number(offset), numbers(shape), numbers(strides), b"\x89", hooks
    )


SIX = np.arange(6, dtype="<f4")  # of `storage()` and `tensor()`


def legacy(tree: bytes, storages: dict[str, np.ndarray] | None = None, keys=None, endian: bytes = b"\x88") -> bytes:
    """A legacy file; `tree`: the body of its fourth pickle."""
    storages = {"0": SIX} if storages is None else storages
    heads = [number(MAGIC), number(PROTOCOL), b"}" + items(little_endian=endian), tree]
    parts = [*map(program, heads), program(listed(*map(text, storages if keys is None else keys)))]
    parts += [struct.pack("<q", array.size) + array.tobytes() for array in storages.values()]
    return b"".join(parts)


def zipped(tree: bytes, records: dict[str, bytes] | None = None, compressed: dict[str, int] | None = None) -> bytes:
    """An archive; `records`: its other files, by name; `compressed`: how, of those that are."""
    records = {"version": b"3\n", "byteorder": b"little", "data/0": SIX.tobytes()} if records is None else records
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for record, content in {"data.pkl": program(tree), **records}.items():
            archive.writestr(f"archive/{record}", content, (compressed or {}).get(record))
    return stream.getvalue()
