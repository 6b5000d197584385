"""The pickles inside a weight file of torch, interpreted without running anything that they name.

A pickle is a program, and `pickle.Unpickler` runs it. This interpreter knows the instructions that torch writes and
the few names of GLOBALS. To "call" one of them makes an empty dict or the description of a tensor; nothing else can be
called.
"""

import pickletools
from typing import NamedTuple

from kgenre.core.errors import KgenreError

# torch's name of a storage -> NumPy's name of its elements, as they lie in the file.
ELEMENTS = {
    "torch FloatStorage": "float32",
    "torch DoubleStorage": "float64",
    "torch HalfStorage": "float16",
    "torch BFloat16Storage": "bfloat16",
    "torch LongStorage": "int64",
    "torch IntStorage": "int32",
    "torch ByteStorage": "uint8",
    "torch BoolStorage": "bool",
}
MAPPING, TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
GLOBALS = {MAPPING, TENSOR, *ELEMENTS}
ITSELF = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"}  # instructions whose argument is the value
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Global(NamedTuple):
    """A name of GLOBALS where a pickle mentions it."""

    name: str


class Storage(NamedTuple):
    """A run of `size` elements that the file holds under `key`; `elements` as in ELEMENTS."""

    key: str
    elements: str
    size: int


class Tensor(NamedTuple):
    """A view of a storage as the pickle describes it, unchecked; offset and strides in elements."""

    storage: Storage
    offset: int
    shape: tuple
    strides: tuple


def read_pickle(stream) -> tuple[object, dict[str, Storage]]:
    """The value of the pickle at the stream's position, which moves to its end; and the storages by key.

    The value consists of None, bool, int, float, str, tuple, list, dict, Global, Storage and Tensor. It may contain
    itself.

    Args:
        stream: io.BytesIO: its `read` gives no more than there is, whatever length a pickle declares.

    Raises:
        KgenreError: an instruction or a name that a state dict does not need.
        ValueError, LookupError: not a pickle, or cut short.
    """
    machine = Machine()
    for instruction, argument, _ in pickletools.genops(stream):
        if instruction.name == "STOP":
            return machine.stack.pop(), machine.storages
        machine.step(instruction.name, argument)
    raise ValueError("a pickle has no end")


class Machine:
    """The state of an interpreted pickle: a stack, the marks in it, and what was put aside by number."""

    def __init__(self):
        self.stack, self.marks, self.memo, self.storages = [], [], {}, {}

    def step(self, name: str, argument) -> None:
        """One instruction, by its name in pickletools."""
        stack = self.stack
        match name:
            case _ if name in ITSELF:
                stack.append(argument)
            case _ if name in CONSTANTS:
                stack.append(CONSTANTS[name])
            case _ if name in TUPLES:
                stack.append(tuple(self.taken(len(stack) - TUPLES[name])))
            case "TUPLE":
                stack.append(tuple(self.taken(self.marks.pop())))
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "MARK":
                self.marks.append(len(stack))
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self.memo[argument])
            case "SETITEM":
                self.set_items(self.taken(len(stack) - 2))
            case "SETITEMS":
                self.set_items(self.taken(self.marks.pop()))
            case "APPEND":
                self.extend(self.taken(len(stack) - 1))
            case "APPENDS":
                self.extend(self.taken(self.marks.pop()))
            case "GLOBAL":
                stack.append(known_global(argument))
            case "BINPERSID":
                stack.append(self.storage(stack.pop()))
            case "REDUCE":
                stack.append(called(*self.taken(len(stack) - 2)))
            case "BUILD":  # the attributes of an OrderedDict: version numbers, which nobody needs
                stack.pop()
                require(type(stack[-1]) is dict, "a pickle that sets attributes of an object")
            case _:
                require(name == "PROTO", f"a pickle with the instruction {name}")

    def taken(self, start: int) -> list:
        """What lies on the stack from `start` on, taken off it."""
        require(0 <= start <= len(self.stack), "a pickle that takes more than it has")
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def set_items(self, items: list) -> None:
        names = items[::2]
        # The hash of tuples in tuples takes a time that doubles with each level.
        require(all(type(name) in (str, int) for name in names), "a dict whose keys are not text")
        require(type(self.stack[-1]) is dict and len(items) % 2 == 0, "a pickle that sets items of no dict")
        self.stack[-1].update(zip(names, items[1::2], strict=True))

    def extend(self, items: list) -> None:
        require(type(self.stack[-1]) is list, "a pickle that appends to no list")
        self.stack[-1].extend(items)

    def storage(self, reference) -> Storage:
        """Of ("storage", its kind, key, device, number of elements); the legacy format adds None."""
        require(type(reference) is tuple and len(reference) in (5, 6), "a reference to no storage")
        tag, kind, key, _, size, *view = reference
        require(type(tag) is str and tag == "storage" and type(key) is str, "a reference to no storage")
        require(type(kind) is Global and kind.name in ELEMENTS, "a storage of unknown elements")
        require(type(size) is int and size >= 0 and view in ([], [None]), "a storage of no definite size")
        storage = Storage(key, ELEMENTS[kind.name], size)
        require(self.storages.setdefault(key, storage) == storage, "two storages under one key")
        return storage


def known_global(name: str) -> Global:
    """What a pickle mentions, if it is in GLOBALS."""
    require(name in GLOBALS, f"a pickle that asks for {ascii(name.replace(' ', '.'))[:60]}")
    return Global(name)


def called(function, arguments) -> dict | Tensor:
    """What "calling" an entry of GLOBALS gives."""
    require(type(function) is Global and type(arguments) is tuple, "a pickle that calls an unknown function")
    if function.name == MAPPING and not arguments:
        return {}
    require(function.name == TENSOR and len(arguments) in (6, 7), f"a pickle that calls {function.name.split()[1]}")
    storage, offset, shape, strides, *_ = arguments  # then: requires gradients, hooks, metadata
    require(type(storage) is Storage and type(offset) is int, "a tensor without a storage")
    for sizes in (shape, strides):
        require(type(sizes) is tuple and all(type(size) is int for size in sizes), "a tensor of no definite shape")
    return Tensor(storage, offset, shape, strides)


def require(rule: bool, otherwise: str) -> None:
    """Raises KgenreError with what was received `otherwise`; its caller names the file, the rule and the next step."""
    if not rule:
        raise KgenreError(otherwise)
