"""The reader of torch's weight files: against torch itself, and on files that want to be believed, or run."""

import io
import os
import pickle
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch_files as made
from torch_files import SIX, call, group, legacy, mapping, number, numbers, storage, tensor, text, zipped

from kgenre.core.errors import KgenreError
from kgenre.weights.torch_file import arrays_of, read_torch_file

RULE = "x.pth: must be a file of tensors alone, as `torch.save(model.state_dict(), path)` writes. Received: "
NEXT = ". Fetch the file again, or save its state dict so."
FORMATS = {"legacy": legacy, "zip": zipped}


def refusal(content: bytes) -> str:
    """The cause that the refusal of a file gives; it must be quick and take no memory to speak of."""
    tracemalloc.start()
    began = time.thread_time()
    try:
        with pytest.raises(KgenreError) as caught:
            arrays_of(content, "x.pth")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2e6 + 100 * len(content) and time.thread_time() - began < 5
    line = str(caught.value)
    assert line.startswith(RULE) and line.endswith(NEXT) and "\n" not in line and len(line) < 400
    return line.removeprefix(RULE).removesuffix(NEXT)


# Honest files
@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_tensor_is_the_view_that_is_described(write):
    tree = mapping(
        plain=tensor(),
        transposed=tensor(shape=(3, 2), strides=(1, 3)),
        part=tensor(offset=1, shape=(2, 2), strides=(3, 1)),
        scalar=tensor(offset=5, shape=(), strides=()),
        row=tensor(shape=(1, 6), strides=(10**30, 1)),  # where a size is 1, a stride means nothing
        empty=tensor(shape=(0, 7), strides=(7, 1)),
    )
    arrays = arrays_of(write(tree), "x.pth")
    square = SIX.reshape(2, 3)
    expected = {"plain": square, "transposed": square.T, "part": square[:, 1:], "scalar": SIX[5]}
    expected |= {"row": SIX[None], "empty": np.zeros((0, 7))}
    assert list(arrays) == list(expected)
    for key, array in expected.items():
        np.testing.assert_array_equal(arrays[key], array)
        assert arrays[key].shape == array.shape and arrays[key].dtype == "float32"


def test_names_of_nested_dicts_are_joined_and_state_dict_is_entered():
    inner = mapping(encoder=mapping(weight=tensor(), bias=tensor()), head=tensor())
    names = ["encoder.weight", "encoder.bias", "head"]
    assert list(arrays_of(legacy(inner), "x.pth")) == names
    checkpoint = b"}" + made.items(epoch=number(3), losses=made.listed(number(1), number(2)), state_dict=inner)
    assert list(arrays_of(legacy(checkpoint), "x.pth")) == names


def test_attributes_of_an_ordered_dict_are_passed_over():
    tree = mapping(weight=tensor()) + b"}" + made.items(_metadata=mapping(version=number(2))) + b"b"
    assert list(arrays_of(legacy(tree), "x.pth")) == ["weight"]


def test_missing_file_is_one_line(tmp_path):
    with pytest.raises(KgenreError) as caught:
        read_torch_file(tmp_path / "no.pth")
    assert str(caught.value) == (
        f"{tmp_path}/no.pth: cannot be read: No such file or directory. Name a file that torch.save wrote."
    )


# Against torch
@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch, which writes the files to compare with, is not installed")


def saved(torch, value, new: bool) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=new)
    return stream.getvalue()


def assert_as_torch(torch, arrays: dict, tensors: dict) -> None:
    assert list(arrays) == list(tensors)
    for key, value in tensors.items():
        expected = (value.float() if value.dtype is torch.bfloat16 else value).numpy()
        assert arrays[key].dtype == expected.dtype and arrays[key].shape == expected.shape
        assert not arrays[key].flags.writeable or not arrays[key].size
        np.testing.assert_array_equal(arrays[key], expected)


@pytest.mark.parametrize("new", [False, True], ids=["legacy", "zip"])
def test_every_element_type_is_as_torch_wrote_it(torch, new):
    kinds = "float32 float64 float16 bfloat16 int64 int32 uint8 bool".split()
    values = torch.tensor([[0.0, 1.0, 2.0], [3.14159, 100.5, 255.0]])
    tensors = {kind: values.to(getattr(torch, kind)) for kind in kinds}
    assert_as_torch(torch, arrays_of(saved(torch, tensors, new), "x.pth"), tensors)


@pytest.mark.parametrize("new", [False, True], ids=["legacy", "zip"])
def test_state_dict_of_a_network_is_as_torch_wrote_it(torch, new):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.GRU(8, 5))
    state = network.state_dict()
    whole = torch.randn(4, 5, 6)
    state |= {"view": whole[1:3, ::2].transpose(0, 2), "tied": whole, "scalar": whole[1, 2, 3], "empty": whole[:0]}
    assert_as_torch(torch, arrays_of(saved(torch, state, new), "x.pth"), state)
    assert_as_torch(torch, arrays_of(saved(torch, {"state_dict": state, "epoch": 7}, new), "x.pth"), state)


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_torch_reads_the_files_that_these_tests_assemble(torch, write):
    view = [b"N"] if write is legacy else []
    stored = storage("0", 6, "torch.FloatStorage", *view)
    content = write(mapping(weight=tensor(stored, shape=(3, 2), strides=(1, 3))))
    theirs = torch.load(io.BytesIO(content), weights_only=True)
    assert_as_torch(torch, arrays_of(content, "x.pth"), theirs)


def test_published_files_are_as_torch_reads_them(torch):
    folder = os.environ.get("KGENRE_TEST_WEIGHTS", "")
    paths = sorted(Path(folder).glob("*.pth")) if folder else []
    if not paths:
        pytest.skip("KGENRE_TEST_WEIGHTS names no folder of .pth files")
    for path in paths:
        assert_as_torch(torch, read_torch_file(path), torch.load(path, weights_only=True, map_location="cpu"))


# Files that want to be run
class Reduced:
    """Pickled as a call of `function`."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


def attacks(target: Path) -> dict[str, bytes]:
    """Bodies of pickles that create `target` in an unpickler, or that reach for more than a state dict needs."""
    command = f"touch {target}"
    code = f"open({str(target)!r}, 'w')"
    calls = {
        "os.system": Reduced(os.system, command),
        "eval": Reduced(eval, code),
        "exec": Reduced(exec, code),
        "import": Reduced(getattr, Reduced(__import__, "os"), "system"),
        "open": Reduced(open, str(target), "w"),
    }
    bodies = {
        f"{key} {protocol}": pickle.dumps(value, protocol)[2 if protocol else 0 : -1]
        for key, value in calls.items()
        for protocol in (0, 2, 4)
    }
    return bodies | {
        "inst": f"(S'{command}'\nios\nsystem\n".encode(),
        "obj": b"(" + made.name("os.system") + text(command) + b"o",
        "newobj": made.name("os.system") + group(text(command)) + b"\x81",
        "extension": b"\x82\x01",
        "memo": made.name("os.system") + b"q\x000h\x00" + group(text(command)) + b"R",
        "called from a dict": mapping(weight=call("os.system", text(command))),
        "in the hooks of a tensor": tensor()[:-2] + call("os.system", text(command)) + b"tR",
        "storage type called": call("torch.FloatStorage", number(10**12)),
        "dict with arguments": call("collections.OrderedDict", made.listed(group(text("a"), number(1)))),
        "dict class with state": made.name("collections.OrderedDict") + b"}" + made.items(x=number(1)) + b"b",
        "tensor with state": tensor() + b"}" + made.items(shape=numbers([10**12])) + b"b",
        "function with state": made.name("torch._utils._rebuild_tensor_v2") + b"N}" + made.items(x=b"N") + b"\x86b",
        "persistent text": b"Pos.system\n",
        "attribute of a known module": made.name("collections.OrderedDict.fromkeys"),
        "other torch function": made.name("torch._utils._rebuild_parameter"),
        "bytes": b"\x8e" + (10**12).to_bytes(8, "little") + b"x",
        "bytearray": b"\x96" + (10**12).to_bytes(8, "little") + b"x",
    }


@pytest.mark.parametrize("attack", attacks(Path("x")))
def test_nothing_that_a_file_names_is_called(attack, tmp_path):
    target = tmp_path / "was here"
    body = attacks(target)[attack]
    honest = legacy(mapping(weight=tensor()))
    place = honest.index(made.program(mapping(weight=tensor())))
    for content in (legacy(body), legacy(mapping(weight=body)), zipped(body), made.program(body), honest[:place]):
        cause = refusal(content + made.program(body))
        assert "KeyError" not in cause
    assert not target.exists()


def test_refusal_names_what_was_asked_for(tmp_path):
    assert refusal(legacy(call("os.system", text("ls")))) == "a pickle that asks for 'os.system'"
    assert refusal(legacy(mapping(epoch=number(3)), {})) == "int where a dict of tensors must be"
    assert refusal(b"") == refusal(b"\x80\x02") == "damaged (pickle exhausted before seeing STOP)"
    assert refusal(legacy(b"NN\x93")) == "a pickle with the instruction STACK_GLOBAL"


# Files that want to be believed
def shared(levels: int, last: bytes, twice: bytes) -> bytes:
    """`last`, in two places (LAST) of the next, that in two places of the next, ...: 2^levels in a few bytes."""
    body = last
    for level in range(levels):
        body += b"q" + bytes([level]) + twice.replace(b"LAST", b"h" + bytes([level]))
    return body


LIES = {
    "10^12 elements of one by strides of 0": (tensor(shape=(10**6, 10**6), strides=(0, 0)), "larger than its storage"),
    "seven of six": (tensor(shape=(7,), strides=(0,)), "larger than its storage"),
    "stride beyond the end": (tensor(strides=(4, 1)), "larger than its storage"),
    "offset beyond the end": (tensor(offset=1), "larger than its storage"),
    "offset below 0": (tensor(offset=-1), "a size below 0"),
    "stride below 0": (tensor(offset=5, strides=(-3, -1)), "a size below 0"),
    "size below 0": (tensor(shape=(-2, -3)), "a size below 0"),
    "empty and enormous": (tensor(shape=(0, 10**30), strides=(1, 1)), "larger than its storage"),
    "sizes of 600 digits": (tensor(shape=(10**600,), strides=(10**600,)), "larger than its storage"),
    "strides for fewer dimensions": (tensor(strides=(1,)), "no definite shape"),
    "17 dimensions": (tensor(shape=(1,) * 17, strides=(1,) * 17), "no definite shape"),
    "shape that is text": (tensor().replace(numbers((2, 3)), text("23")), "no definite shape"),
    "storage that is none": (tensor(group(text("0"))), "without a storage"),
    "storage of 10^12": (tensor(storage(size=10**12)), ""),
    "storage of 10^600": (tensor(storage(size=10**600)), ""),
    "storage of -1": (tensor(storage(size=-1)), "no definite size"),
    "storage of other elements": (tensor(storage(kind="torch.LongStorage")), ""),
    "storage that is a function": (tensor(storage(kind="collections.OrderedDict")), "unknown elements"),
    "storage with a view": (tensor(storage("0", 6, "torch.FloatStorage", group(number(1)))), "no definite size"),
    "storage of two sizes": (mapping(a=tensor(), b=tensor(storage(size=7))), "two storages under one key"),
    "storage that is not there": (tensor(storage(key="../0")), ""),
    "memo number of 2^31": (tensor() + b"r\xff\xff\xff\x7fj\xff\xff\xff\x7e", ""),
    "text of 4 GB": (b"X\xff\xff\xff\xffabc", ""),
    "dicts 10 000 deep": (b"".join([b"}" + text("a")] * 10_000) + tensor() + b"s" * 10_000, "too deep"),
    "long name": (mapping(**{"a" * 400: tensor()}), "a long one"),
    "number as a name": (b"}" + number(1) + tensor() + b"s", "without a name"),
    "items of no dict": (b"N" + made.items(a=tensor()), "sets items of no dict"),
    "list of no list": (b"N" + tensor() + b"a", "appends to no list"),
    "empty stack": (b"u", ""),
    "mark above the stack": (b"NNN(\x87\x87\x87t", ""),
}  # fmt: skip


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("lie", LIES)
def test_declared_sizes_are_checked_against_what_is_there(lie, write):
    value, cause = LIES[lie]
    assert cause in refusal(write(mapping(weight=value)))


LAUGHS = {
    "tuples in tuples as a key": (
        shared(60, b"N", b"LASTLAST\x86") + b"q\xff}h\xff" + number(1) + b"s",
        "a dict whose keys are not text",
    ),
    "dicts in dicts": (
        shared(60, mapping(a=tensor()), b"}(" + text("a") + b"LAST" + text("b") + b"LASTu"),
        "dicts nested too deep or in several places",
    ),
    "dicts in dicts, not deep": (
        shared(6, mapping(a=tensor()), b"}(" + text("a") + b"LAST" + text("b") + b"LASTu"),
        "dicts nested too deep or in several places",
    ),
    "dict in itself": (
        tensor() + b"}q\x00" + text("a") + b"h\x00s",
        "dicts nested too deep or in several places",
    ),
}


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("laugh", LAUGHS)
def test_what_unfolds_to_billions_is_refused(laugh, write):
    tree, cause = LAUGHS[laugh]
    # A storage that the pickle mentions must be there, though nothing on the way to it is read.
    storages = {} if b"storage" not in tree and write is legacy else None
    assert refusal(write(tree, storages)) == cause


@pytest.mark.parametrize("body", "R NR \x87 N\x87 u Nu N(u a Na t b Nb Q q\x00 h\x00 s Ns NNs (s e (e N(e".split())
def test_pickle_that_takes_more_than_it_has_is_refused(body):
    refusal(legacy(body.encode("latin-1")))


def test_legacy_storages_are_those_that_are_declared():
    tree, more = mapping(weight=tensor()), {"0": SIX, "1": SIX}
    assert refusal(legacy(tree, {"0": SIX[:5]})).endswith("bytes, cut short")
    assert refusal(legacy(tree, {"0": np.arange(7, dtype="<f4")})) == "storages of other sizes than declared"
    for keys in ([], ["1"], ["0", "0"], ["0", "1"]):
        assert refusal(legacy(tree, more, keys)) == "other storages than its tensors need"
    assert refusal(legacy(tree, endian=b"\x89")) == "big-endian numbers"


def test_zip_records_are_those_that_are_declared():
    tree, data = mapping(weight=tensor()), SIX.tobytes()
    assert refusal(zipped(tree, {})) == "damaged (There is no item named 'archive/data/0' in the archive)"
    assert refusal(zipped(tree, {"data/0": data[:-1]})) == "storages of other sizes than declared"
    assert refusal(zipped(tree, {"data/0": data + b"0"})) == "storages of other sizes than declared"
    assert refusal(zipped(tree, {"data/0": data, "byteorder": b"bigend"})) == "big-endian numbers"
    with zipfile.ZipFile(stream := io.BytesIO(), "w") as archive:
        archive.writestr("a/b.txt", "x")
    assert refusal(stream.getvalue()) == "an archive that is not of torch"


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_bomb_is_not_unpacked(compression):
    size = 50_000_000  # 50 kB when deflated
    tree = mapping(weight=tensor(storage(size=size // 4), shape=(size // 4,), strides=(1,)))
    for record, cause in (
        ("data.pkl", "a compressed or encrypted archive"),
        ("data/0", "fewer than its storages declare"),
    ):
        bomb = zipped(tree, {"data/0": bytes(size)}, {"data/0": compression, record: compression})
        assert refusal(bomb).endswith(cause)
    small = zipped(mapping(weight=tensor()), {"data/0": SIX.tobytes()}, {"data/0": compression})
    assert refusal(small) == "a compressed or encrypted archive"


@pytest.mark.parametrize("record", ["data.pkl", "data/0"])
@pytest.mark.parametrize("size", [5, 10**9])
def test_zip_that_lies_of_a_size_is_refused(record, size):
    content = bytearray(zipped(mapping(weight=tensor(storage(size=size // 4), shape=(size // 4,), strides=(1,)))))
    entry = content.rindex(f"archive/{record}".encode()) - 46  # of the central directory, where sizes are read
    assert content[entry : entry + 4] == b"PK\x01\x02"
    for fields in ((20,), (24,), (20, 24)):  # compressed size, size
        lying = bytearray(content)
        for field in fields:
            lying[entry + field : entry + field + 4] = size.to_bytes(4, "little")
        refusal(bytes(lying))


# Files that were damaged
@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_every_cut_is_refused(write):
    content = write(mapping(weight=tensor(), more=mapping(bias=tensor(offset=3, shape=(3,), strides=(1,)))))
    arrays_of(content, "x.pth")
    for length in range(len(content)):
        with pytest.raises(KgenreError):
            arrays_of(content[:length], "x.pth")


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_random_damage_is_refused_or_harmless(write):
    """Nothing but arrays of no more elements than the file has, or the one error."""
    content = write(mapping(weight=tensor(), more=mapping(bias=tensor(offset=3, shape=(3,), strides=(1,)))))
    rng, read = np.random.default_rng(0), 0
    for _ in range(3000):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        try:
            arrays = arrays_of(bytes(damaged), "x.pth")
        except KgenreError:
            continue
        read += 1
        assert all(array.nbytes <= len(content) for array in arrays.values())
    assert 0 < read < 3000
