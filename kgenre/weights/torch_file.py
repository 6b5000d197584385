"""Weight files of torch (.pth, .pt) as NumPy arrays: read without PyTorch, and without running what is in them.

Both formats of `torch.save`: the legacy one (five pickles in a row: magic number, protocol, machine, the object, the
keys of its storages; then each storage as a count in 8 bytes and its raw elements) and zip archives (data.pkl,
data/KEY). A hostile file reads nothing outside its storages, and takes memory in proportion to its own size, whatever
sizes it declares.
"""

import io
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.weights.tensor_pickle import Storage, Tensor, read_pickle, require

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
BYTES = {"float64": 8, "int64": 8, "float32": 4, "int32": 4, "float16": 2, "bfloat16": 2, "uint8": 1, "bool": 1}
MAX_DIMENSIONS, MAX_EMPTY = 16, 2**31  # MAX_EMPTY: product of the other sizes of a shape that has a 0
MAX_DEPTH, MAX_NAME = 8, 300  # dicts in dicts, characters: a small file could else unfold to any number of long names
FAULTS = (ValueError, LookupError, EOFError, OverflowError, zipfile.BadZipFile, NotImplementedError)  # of damaged files


def read_torch_file(path) -> dict:
    """The arrays of a file of tensors by name, as `arrays_of`.

    Raises:
        KgenreError: as `arrays_of`, or the file cannot be read.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise KgenreError(f"{path}: cannot be read: {error.strerror}. Name a file that torch.save wrote.") from error
    return arrays_of(content, str(path))


def arrays_of(content: bytes, source: str) -> dict:
    """The tensors of a state dict by name, read-only NumPy arrays in the element type of the file.

    The names of dicts in dicts are joined by a dot. Of {"state_dict": {...}, ...} it is that entry alone. bfloat16,
    which NumPy lacks, becomes float32.

    Args:
        content: the file.
        source: what errors call it.

    Raises:
        KgenreError: not such a file; it holds something else beside tensors; or it is damaged or hostile.
    """
    try:
        tree, storages = (of_zip if content.startswith(b"PK") else of_legacy)(content)
        if type(tree) is dict and type(tree.get("state_dict")) is dict:
            tree = tree["state_dict"]
        return {name: array_of(tensor, storages) for name, tensor in tensors_of(tree)}
    except (KgenreError, *FAULTS) as error:
        cause = str(error) if isinstance(error, KgenreError) else f"damaged ({printable(error)})"
        raise KgenreError(
            f"{source}: must be a file of tensors alone, as `torch.save(model.state_dict(), path)` writes. "
            f"Received: {cause}. Fetch the file again, or save its state dict so."
        ) from error


def printable(error: Exception) -> str:
    """The start of an error's text, whatever the file has put into it, in printable ASCII."""
    text = str(error.args[0]) if error.args else type(error).__name__
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:80].encode("ascii", "replace").decode()


def of_legacy(content: bytes) -> tuple[object, dict]:
    """The object of a legacy file, and its storages by key: NumPy (size,)."""
    stream = io.BytesIO(content)
    magic, protocol, machine = (read_pickle(stream)[0] for _ in range(3))
    require(magic == MAGIC and protocol == PROTOCOL, "another file")
    require(type(machine) is dict and machine.get("little_endian") is True, "big-endian numbers")
    (tree, declared), (keys, _) = read_pickle(stream), read_pickle(stream)
    require(type(keys) is list and all(type(key) is str for key in keys), "no list of storages")
    require(sorted(keys) == sorted(declared), "other storages than its tensors need")
    storages, at = {}, stream.tell()
    for key in keys:
        start, size = at + 8, declared[key].size
        at = start + size * BYTES[declared[key].elements]
        require(at <= len(content), f"{len(content)} bytes, cut short")
        require(int.from_bytes(content[start - 8 : start], "little") == size, "storages of other sizes than declared")
        storages[key] = elements_of(content[start:at], declared[key])
    return tree, storages


def of_zip(content: bytes) -> tuple[object, dict]:
    """The object of a zip archive, and its storages by key: NumPy (size,)."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    names = archive.namelist()
    folders = [name.removesuffix("data.pkl") for name in names if name.split("/")[1:] == ["data.pkl"]]
    require(len(folders) == 1, "an archive that is not of torch")
    [folder] = folders
    if f"{folder}byteorder" in names:  # older files have none
        require(record(archive, f"{folder}byteorder", len("little")) == b"little", "big-endian numbers")
    tree, declared = read_pickle(io.BytesIO(record(archive, f"{folder}data.pkl")))
    sizes = {key: storage.size * BYTES[storage.elements] for key, storage in declared.items()}
    require(sum(sizes.values()) <= len(content), f"{len(content)} bytes, fewer than its storages declare")
    return tree, {
        key: elements_of(record(archive, f"{folder}data/{key}", sizes[key]), declared[key]) for key in declared
    }


def record(archive: zipfile.ZipFile, name: str, size: int | None = None) -> bytes:
    """A record of an archive, which torch never compresses."""
    info = archive.getinfo(name)
    plain = info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1
    require(plain and info.file_size == info.compress_size, "a compressed or encrypted archive")
    require(size in (None, info.file_size), "storages of other sizes than declared")
    return archive.read(info)


def elements_of(content: bytes, storage: Storage):
    """The elements of a storage: NumPy (size,)."""
    import numpy as np

    if storage.elements == "bfloat16":  # the upper half of a float32
        return (np.frombuffer(content, "<u2").astype("<u4") << 16).view("<f4")
    if storage.elements == "bool":
        return np.frombuffer(content, "u1") != 0
    return np.frombuffer(content, np.dtype(storage.elements).newbyteorder("<"))


def tensors_of(tree, prefix: str = "", depth: int = 1, seen: set | None = None) -> Iterator[tuple[str, Tensor]]:
    """The tensors of dicts in dicts with their joined names."""
    require(type(tree) is dict, f"{type(tree).__name__} where a dict of tensors must be")
    seen = set() if seen is None else seen
    require(depth <= MAX_DEPTH and id(tree) not in seen, "dicts nested too deep or in several places")
    seen.add(id(tree))
    for key, value in tree.items():
        require(type(key) is str and len(prefix) + len(key) <= MAX_NAME, "a tensor without a name, or with a long one")
        if type(value) is Tensor:
            yield prefix + key, value
        else:
            yield from tensors_of(value, f"{prefix}{key}.", depth + 1, seen)


def array_of(tensor: Tensor, storages: dict):
    """The view of its storage that a tensor is, checked: NumPy of the tensor's shape."""
    import numpy as np

    storage, shape, strides = storages[tensor.storage.key], tensor.shape, tensor.strides
    require(len(shape) == len(strides) <= MAX_DIMENSIONS, "a tensor of no definite shape")
    require(min((tensor.offset, *shape, *strides)) >= 0, "a tensor with a size below 0")
    if 0 in shape:
        require(math.prod(max(size, 1) for size in shape) <= MAX_EMPTY, "a tensor larger than its storage")
        return np.zeros(shape, storage.dtype)
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    # Strides of 0 would show a few elements as any number.
    require(last < len(storage) and math.prod(shape) <= len(storage), "a tensor larger than its storage")
    steps = [stride * storage.itemsize if size > 1 else 0 for size, stride in zip(shape, strides, strict=True)]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], shape, steps, writeable=False)
