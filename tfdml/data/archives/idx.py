"""IDX, the format of MNIST and of the sets that took its place."""

import gzip
import math

import numpy as np

from tfdml.data.archives.trust import Meter, Refused, existing_file, named

_LARGEST = 2**32
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_DIMENSIONS = 8


def read_idx(path):
    """Reads an array in IDX format, packed by gzip or not.

    Args:
        path: The file, such as `train-images-idx3-ubyte.gz`.

    Returns:
        A NumPy array, for example uint8 `(60000, 28, 28)`.

    Raises:
        ValueError: The file is damaged, has more or fewer numbers than its header says, or is a bomb.

    Example:

    ```python
    from tfdml.data.archives import read_idx

    Path("labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
    assert read_idx("labels-idx1-ubyte").tolist() == [7, 8, 9]
    ```
    """
    path = existing_file(path)
    with named(path, "an IDX file"):
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        meter = Meter(path.stat().st_size, _LARGEST)
        with (gzip.open if packed else open)(path, "rb") as file:
            return _read(file, meter)


def _read(file, meter):
    start = file.read(4).ljust(4, b"\xff")
    zeros, kind, dimensions = start[:2], start[2], start[3]
    if any(zeros) or kind not in _TYPES or not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise Refused("a file that does not begin as one")
    shape = np.frombuffer(file.read(4 * dimensions), ">u4", dimensions).tolist()
    dtype = np.dtype(_TYPES[kind])
    expected = math.prod(shape) * dtype.itemsize
    meter.check(expected)
    data = file.read(expected + 1)  # to the end: gzip compares its check sum there
    if len(data) != expected:
        found = f"{len(data)} bytes" if len(data) < expected else "more"
        raise Refused(f"{found} of numbers where the header says {expected}, for shape {tuple(shape)}")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))
