"""The variables of a MATLAB file of version 5 to 7: elements with a tag each, which may be packed by zlib."""

import math
import struct
import zlib

import numpy as np

from tfdml.data.archives.mat_values import joined, rows_of_text, vector
from tfdml.data.archives.trust import Meter, Refused

_HEADER_BYTES = 128
_INT8, _INT32, _UINT32, _MATRIX, _PACKED = 1, 5, 6, 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_ENCODINGS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _TEXT = 1, 2, 4
_NUMBERS = range(6, 16)
_OTHERS = {3: "an object", 5: "a sparse matrix", 16: "a function", 17: "an object", 18: "an object"}
_IS_COMPLEX, _IS_LOGICAL = 0x800, 0x200
_DEEPEST = 20
_MOST_DIMENSIONS = 32


def read_mat5(data, largest):
    """The variables in the bytes of a file, which unpack to at most `largest` bytes."""
    order = "<" if data[126:128] == b"IM" else ">"
    meter = Meter(len(data), largest)
    variables = {}
    file = _Elements(data[_HEADER_BYTES:], order)
    while file.left():
        kind, content = file.next(pad=False)
        if kind == _PACKED:
            kind, content = _Elements(_unpacked(content, meter), order).next(pad=False)
        if kind != _MATRIX:
            raise Refused(f"an element of type {kind} where a variable belongs")
        name, value = _matrix(_Elements(content, order), _DEEPEST)
        if name in variables:
            raise Refused(f"two variables {name!r}")
        variables[name] = value
    return variables


def _unpacked(content, meter):
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(content, meter.limit - meter.total + 1)
    meter.add(len(data))
    if not unpacker.eof:
        raise Refused("a variable that is cut off")
    return data


class _Elements:
    """Elements in a run of bytes, one after another."""

    def __init__(self, data, order):
        self._data, self._start = memoryview(data), 0
        self.order = order
        self._two = struct.Struct(f"{order}2I")

    def left(self):
        return self._start < len(self._data)

    def next(self, pad=True):
        """Type and content of the next element."""
        kind, size = self._two.unpack_from(self._data, self._start)
        if kind >> 16:  # a small one has its content in its tag
            kind, size, start, end = kind & 0xFFFF, kind >> 16, self._start + 4, self._start + 8
            fits = size <= 4
        else:
            start = self._start + 8
            end = start + size + (-size % 8 if pad and kind != _PACKED else 0)
            fits = start + size <= len(self._data)
        if not fits:
            raise Refused("an element that is larger than what it is in")
        self._start = end
        return kind, self._data[start : start + size]

    def array(self, *kinds):
        """The numbers of the next element, which is of one of the types `kinds`."""
        kind, content = self.next()
        if kind not in kinds:
            raise Refused(f"an element of type {kind} where one of {kinds} belongs")
        return np.frombuffer(content, self.order + _TYPES[kind])


def _matrix(elements, depth):
    """Name and value of a variable, or of what is in a cell or struct."""
    if depth == 0:
        raise Refused(f"cells and structs more than {_DEEPEST} deep")
    if not elements.left():
        return "", np.zeros(0)
    flags, _ = elements.array(_UINT32).tolist()
    shape = elements.array(_INT32).tolist()
    name = elements.array(_INT8).tobytes().decode("latin-1")
    if not 2 <= len(shape) <= _MOST_DIMENSIONS or min(shape) < 0:
        raise Refused(f"a variable of the shape {shape}")
    class_ = flags & 0xFF
    if class_ in _NUMBERS and not flags & _IS_COMPLEX:
        numbers = elements.array(*_TYPES).reshape(shape, order="F")
        return name, vector(numbers.astype(bool if flags & _IS_LOGICAL else numbers.dtype.newbyteorder("=")))
    if class_ == _TEXT:
        return name, _text(*elements.next(), shape, elements.order)
    if class_ == _CELL:
        return name, joined([_inner(elements, depth) for _ in range(math.prod(shape))])
    if class_ == _STRUCT:
        return name, _struct(elements, math.prod(shape), depth)
    other = "complex numbers" if class_ in _NUMBERS else _OTHERS.get(class_, f"something of class {class_}")
    raise Refused(f"{other} in the variable {name!r}")


def _inner(elements, depth):
    kind, content = elements.next()
    if kind != _MATRIX:
        raise Refused(f"an element of type {kind} in a cell or struct")
    return _matrix(_Elements(content, elements.order), depth - 1)[1]


def _struct(elements, count, depth):
    (length,) = elements.array(_INT32).tolist()
    names = elements.array(_INT8).tobytes()
    if length < 1 or len(names) % length:
        raise Refused(f"a struct with names of {length} bytes")
    fields = [
        names[start : start + length].split(b"\0")[0].decode("latin-1")
        for start in range(0, len(names), length)
    ]
    if len(set(fields)) < len(fields):
        raise Refused("a struct with two fields of one name")
    if not fields:
        return {}
    columns = {field: [] for field in fields}
    for _ in range(count):
        for column in columns.values():
            column.append(_inner(elements, depth))
    if count == 1:
        return {field: value for field, (value,) in columns.items()}
    return {field: joined(column) for field, column in columns.items()}


def _text(kind, content, shape, order):
    if kind not in _ENCODINGS or len(shape) != 2:
        raise Refused(f"text of type {kind} and shape {shape}")
    encoding = _ENCODINGS[kind]
    if encoding in ("utf-16", "utf-32"):
        encoding += "-le" if order == "<" else "-be"
    text = bytes(content).decode(encoding)
    if shape[0] == 1:  # UTF-16 may have two codes for a character: the shape says nothing
        return np.array([text])
    if len(text) != math.prod(shape):
        raise Refused(f"text of {len(text)} characters and shape {shape}")
    return rows_of_text(np.array(list(map(ord, text)), int).reshape(shape, order="F"))
