"""Reads the weights of a Torch checkpoint, without Torch and without running anything that is in it."""

import hashlib
import io
import math
import pickletools
from pathlib import Path
from typing import NamedTuple

import numpy as np

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_STORAGES = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
_DICT, _TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
_MAX_FILE_BYTES = 2**31
_MAX_INSTRUCTIONS = 1_000_000


def read_torch_weights(path, sha256=None):
    """Reads the tensors of a Torch state dict, in the format that `torch.save` wrote before Torch 1.6.

    The file is a few pickles followed by raw numbers. A pickle is a program that may call anything, so
    none is run here: the few instructions that a state dict of float32 and int64 tensors consists of are
    interpreted, and a file with any other instruction or name is refused.

    Args:
        path: The `.pth` or `.pt` file.
        sha256: Hexadecimal SHA-256 that the file must have; checked before anything is read. Defaults to
            `None`: not checked.

    Returns:
        A dict of read-only NumPy arrays by the names of the tensors.

    Example:

    ```python
    from pathlib import Path
    from tfdml.models import read_torch_weights

    if Path("resnet18.pth").exists():
        weights = read_torch_weights("resnet18.pth")
        print(weights["conv1.weight"].shape)
    ```
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"Expected path to be a file of Torch weights, received: {path}")
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise ValueError(f"Expected a file of at most {_MAX_FILE_BYTES} bytes, received: {path}")
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest() if sha256 is not None else None
    if found != sha256:
        raise ValueError(f"Expected {path} to have the SHA-256 {sha256}, received: {found}")
    if data[:4] == b"PK\x03\x04":
        raise ValueError(
            f"Expected Torch weights in the format before Torch 1.6, received: a zip file, {path}. "
            "`torch.save(weights, path, _use_new_zipfile_serialization=False)` writes the one that is read."
        )
    try:
        return _read(data)
    except Exception as error:  # whatever breaks, the file is to blame
        reason = str(error) or type(error).__name__
        raise ValueError(
            f"Expected a state dict written by `torch.save`, received: {path}: {reason}"
        ) from error


class _Refused(Exception):
    """The file asks for more than a state dict needs."""


class _Name(NamedTuple):
    """A name that the file asks for. It stays a name: nothing is looked up."""

    value: str


class _Storage(NamedTuple):
    """A run of numbers that tensors are views of."""

    key: str
    dtype: np.dtype
    size: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple

    def view(self, numbers):
        strides = tuple(step * numbers.itemsize for step in self.strides)
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, strides, writeable=False)


def _read(data):
    stream = io.BytesIO(data)
    if _interpret(stream) != _MAGIC or _interpret(stream) != _PROTOCOL:
        raise _Refused("it does not begin as one")
    if _interpret(stream)["little_endian"] is not True:
        raise _Refused("its numbers are big-endian")
    tensors, keys = _interpret(stream), _interpret(stream)
    for name, tensor in tensors.items():
        if not isinstance(tensor, _Tensor):
            raise _Refused(f"{name!r} is no tensor")

    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    numbers = {}
    for key in keys:  # of each: its size, then its numbers
        storage, start = storages[_only(str, key)], stream.tell() + 8
        (size,) = np.frombuffer(data, "<i8", 1, start - 8)
        if size != storage.size:
            raise _Refused(f"storage {key} has {size} numbers where {storage.size} were declared")
        numbers[key] = np.frombuffer(data, storage.dtype, storage.size, start)
        stream.seek(start + numbers[key].nbytes)
    for tensor in tensors.values():
        if tensor.storage != storages[tensor.storage.key]:  # its bounds were checked against its own
            raise _Refused(f"storage {tensor.storage.key} is declared twice, differently")
    return {name: tensor.view(numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _interpret(stream):
    """The value of the next pickle: numbers, strings and tensors, in tuples, lists and dicts."""
    stack, marks, memo = [], [], {}

    def since_mark():
        start = marks.pop()
        items = stack[start:]
        del stack[start:]
        return items

    for count, (instruction, argument, _) in enumerate(pickletools.genops(stream)):
        if count > _MAX_INSTRUCTIONS:
            raise _Refused("it is larger than a state dict needs to be")
        match instruction.name:
            case "PROTO":
                pass
            case "STOP":
                return stack.pop()
            case "MARK":
                marks.append(len(stack))
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINUNICODE":
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[instruction.name])
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(reversed([stack.pop() for _ in range(int(instruction.name[-1]))])))
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "EMPTY_LIST":
                stack.append([])
            case "APPEND" | "APPENDS":
                items = since_mark() if instruction.name == "APPENDS" else [stack.pop()]
                _only(list, stack[-1]).extend(items)
            case "EMPTY_DICT":
                stack.append({})
            case "SETITEM" | "SETITEMS":
                items = since_mark() if instruction.name == "SETITEMS" else [stack.pop(-2), stack.pop()]
                keys = [_only(str, key) for key in items[::2]]
                _only(dict, stack[-1]).update(zip(keys, items[1::2], strict=True))
            case "GLOBAL":
                if argument not in (_DICT, _TENSOR, *_STORAGES):
                    raise _Refused(f"it asks for {argument}, which a state dict has no need of")
                stack.append(_Name(argument))
            case "BINPERSID":
                stack.append(_storage(*stack.pop()))
            case "REDUCE":
                arguments, name = stack.pop(), _only(_Name, stack.pop()).value
                stack.append(_call(name, _only(tuple, arguments)))
            case "BUILD":  # Torch hangs the versions of its modules on the dict
                stack.pop()
            case other:
                raise _Refused(f"it has the instruction {other}, which a state dict has no need of")
    raise _Refused("it ends too early")


def _only(kind, value):
    if type(value) is not kind:
        raise _Refused(f"it has a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def _natural(value):
    if not 0 <= _only(int, value) < 2**40:
        raise _Refused("it has a size that is no size")
    return value


def _storage(kind, storage, key, _location, size, view):
    if kind != "storage" or view is not None or _only(_Name, storage).value not in _STORAGES:
        raise _Refused("it has a storage that is not read")
    return _Storage(_only(str, key), _STORAGES[storage.value], _natural(size))


def _call(name, arguments):
    if name == _DICT and not arguments:
        return {}
    if name != _TENSOR:
        raise _Refused(f"it calls {name}")
    storage, offset, shape, strides, _requires_grad, _hooks = arguments
    shape, strides = (tuple(_natural(n) for n in _only(tuple, numbers)) for numbers in (shape, strides))
    if len(shape) != len(strides) or len(shape) > 8:
        raise _Refused(f"it has a tensor of shape {shape} with strides {strides}")
    # A stride of zero could blow up a small file: a tensor has no more numbers than its storage.
    numbers = math.prod(shape)
    end = _natural(offset) + sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) + 1
    if numbers > _only(_Storage, storage).size or (numbers and end > storage.size):
        raise _Refused(f"it has a tensor of shape {shape} beyond its storage of {storage.size} numbers")
    return _Tensor(storage, offset, shape, strides)
