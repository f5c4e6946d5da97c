"""Files of indexes: a zip of plain arrays and a header in JSON, read as what a stranger may have made."""

import json
import zipfile
from pathlib import Path

import numpy as np

from tfdml.files import written_whole

FORMAT, VERSION = "tfdml.search", 1
_HEADER = "header"


def write(path, header, arrays):
    """Writes arrays and what `header` says of them to a file, whole or not at all."""
    header = json.dumps({"format": FORMAT, "version": VERSION, **header}).encode()
    with written_whole(path) as part, part.open("wb") as file:
        np.savez(file, **{_HEADER: np.frombuffer(header, "uint8")}, **arrays)


def read(path):
    """Header and arrays of a file. One that is not ours, or not whole, is a `ValueError` with the path."""
    with Path(path).open("rb") as file:
        try:
            arrays = read_arrays(file)
            header = json.loads(bytes(arrays.pop(_HEADER)))
            format, version = header["format"], header["version"]
        except Exception as error:  # whatever zip files, headers of arrays and JSON may raise
            raise refused(path, f"one that cannot be read ({type(error).__name__}: {error})") from error
    if (format, version) != (FORMAT, VERSION):
        raise refused(path, f"{format} of version {version}")
    return header, arrays


def refused(path, received):
    """The error about a file."""
    return ValueError(f"Expected {path} to be an index of {FORMAT}, version {VERSION}, received: {received}")


def read_arrays(file):
    """Arrays of an uncompressed zip by name; none takes more memory than the file is long."""
    arrays = {}
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{info.filename} is compressed")
            with archive.open(info) as member:
                arrays[info.filename.removesuffix(".npy")] = read_array(member)
    return arrays


def read_array(member):
    """One array; its header may promise no other number of bytes than there are, and no objects."""
    version = np.lib.format.read_magic(member)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, fortran, dtype = readers[version](member)
    if dtype.hasobject:
        raise ValueError("it holds objects")
    data = np.frombuffer(bytearray(member.read()), dtype)
    return data.reshape(shape, order="F" if fortran else "C")


def expect(condition, what):
    """Refuses a file whose parts do not fit together."""
    if not condition:
        raise ValueError(what)


def expect_array(arrays, name, dtypes, shape):
    """The array of that name, which must be of one of `dtypes` and of `shape`; `None` is any length."""
    expect(name in arrays, f"no {name}")
    array = arrays[name]
    fits = len(array.shape) == len(shape) and all(
        s is None or s == a for s, a in zip(shape, array.shape, strict=True)
    )
    expect(array.dtype.name in dtypes and fits, f"{name} {array.dtype.name} {array.shape}, not {shape}")
    return array
