"""What a pickle calls to make NumPy arrays, done without NumPy, whose own code trusts what it is given."""

import math
import re
from dataclasses import dataclass

import numpy as np

from tfdml.data.archives.trust import Refused, shortened

_MODULES = "numpy.core.multiarray", "numpy._core.multiarray"  # before NumPy 2, and since
_RECONSTRUCT = {f"{module} _reconstruct" for module in _MODULES}
_SCALAR = {f"{module} scalar" for module in _MODULES}
_NDARRAY, _DTYPE = "numpy ndarray", "numpy dtype"
_BYTES = {"__builtin__ bytes", "builtins bytes"}  # how Python 3 writes b"" for Python 2
_ENCODE = "_codecs encode"  # ... and other bytes
_NAMES = {*_RECONSTRUCT, *_SCALAR, _NDARRAY, _DTYPE, *_BYTES, _ENCODE}
_MOST_DIMENSIONS = 32
_NUMBERS_OR_STRINGS = re.compile(r"b1|[iu][1248]|f[248]|[SU]\d{1,6}")


@dataclass(frozen=True)
class Name:
    """A name that a pickle asks for. It stays a name: nothing is looked up."""

    value: str

    @classmethod
    def checked(cls, value):
        if value not in _NAMES:
            raise Refused(f"a call of {shortened(value)!r}, which is not run")
        return cls(value)


class DType:
    """Stands for a type of numbers or strings."""

    def __init__(self, code):
        if isinstance(code, bytes):  # of Python 2
            code = code.decode("ascii")
        if not isinstance(code, str) or not _NUMBERS_OR_STRINGS.fullmatch(code):
            raise Refused(f"an array of the type {shortened(repr(code))}, which is not read")
        self.dtype = np.dtype(code)

    def build(self, state):
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise Refused("an array of a type with parts")
        self.dtype = self.dtype.newbyteorder(order)


class Array:
    """Stands for an array: a pickle makes an empty one first, and fills it later."""

    numbers = None

    def build(self, state):
        _version, shape, dtype, is_fortran, data = state
        numbers = _numbers(dtype, data)
        if type(shape) is not tuple or len(shape) > _MOST_DIMENSIONS:
            raise Refused("an array whose shape is none")
        if any(type(side) is not int or not 0 <= side < 2**60 for side in shape):
            raise Refused("an array with a side that is no size")
        if math.prod(shape) != len(numbers):
            raise Refused(f"an array of shape {shape} with {len(numbers)} numbers")
        self.numbers = numbers.reshape(shape, order="F" if is_fortran else "C")

    def finished(self):
        if self.numbers is None:
            raise Refused("an array without numbers")
        return self.numbers


def call(name, arguments):
    """What the call of a name gives."""
    if name.value in _RECONSTRUCT:
        if arguments[0] != Name(_NDARRAY):
            raise Refused("an array that is none of NumPy")
        return Array()
    if name.value == _DTYPE:
        return DType(arguments[0])
    if name.value in _SCALAR:
        (number,) = _numbers(*arguments)
        return number.item()
    if name.value in _BYTES and arguments == ():
        return b""
    if name.value == _ENCODE and isinstance(arguments[0], str) and arguments[1:] == ("latin1",):
        return arguments[0].encode("latin-1")
    raise Refused(f"a call of {name.value!r} with {shortened(repr(arguments))}")


def _numbers(dtype, data):
    if not isinstance(dtype, DType) or not isinstance(data, bytes):
        raise Refused("an array without type or numbers")
    return np.frombuffer(data, dtype.dtype)
