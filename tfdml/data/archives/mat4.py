"""The variables of a MATLAB file of version 4: matrices of numbers or text, one after another."""

import struct

import numpy as np

from tfdml.data.archives.mat_values import rows_of_text, vector
from tfdml.data.archives.trust import Refused

_HEADER_BYTES = 20
_TYPES = "f8", "f4", "i4", "i2", "u2", "u1"
_NUMBERS, _TEXT = 0, 1


def read_mat4(data):
    """The variables in the bytes of a file."""
    variables, start = {}, 0
    order = "<" if len(data) >= 4 and struct.unpack_from("<I", data)[0] < 1000 else ">"
    while start < len(data):
        kind, rows, columns, is_complex, name_bytes = struct.unpack_from(f"{order}5i", data, start)
        machine, type_, text = kind // 1000, kind // 10 % 100, kind % 10
        if machine != (order == ">") or type_ >= len(_TYPES) or text not in (_NUMBERS, _TEXT) or is_complex:
            raise Refused("no MATLAB file" if start == 0 else "a variable that is no matrix of real numbers")
        if min(rows, columns, name_bytes) < 0:
            raise Refused("a variable with a negative size")
        start += _HEADER_BYTES
        name = data[start : start + name_bytes].rstrip(b"\0").decode("latin-1")
        if name in variables:
            raise Refused(f"two variables {name!r}")
        start += name_bytes
        dtype = np.dtype(order + _TYPES[type_])
        values = np.frombuffer(data, dtype, rows * columns, start).reshape((rows, columns), order="F")
        start += values.nbytes
        variables[name] = rows_of_text(values) if text else vector(values.astype(dtype.newbyteorder("=")))
    return variables
