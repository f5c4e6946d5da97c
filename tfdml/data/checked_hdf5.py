"""HDF5 files read as if a stranger had written them."""

import json
from contextlib import contextmanager

import h5py
import numpy as np

LARGEST_SIDE = 4096
LARGEST_ARRAY = 2**30  # bytes of what is read as a whole: labels, names, sources
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF}

# What h5py raises when a file is damaged or lies, depending on where it notices.
_DAMAGE = (
    OSError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    RuntimeError,
    OverflowError,
    MemoryError,
    UnicodeDecodeError,
    json.JSONDecodeError,
)


@contextmanager
def opened(path, what="an image set in HDF5"):
    """The file, read-only; whatever is wrong with it is a `ValueError` that names it."""
    try:
        with h5py.File(path, "r") as file:
            yield CheckedFile(file, path)
    except FileNotFoundError:
        raise ValueError(f"Expected {path} to be {what}, received: no file there") from None
    except Wrong as error:
        raise ValueError(str(error)) from None
    except (*_DAMAGE, ValueError) as error:
        raise ValueError(f"Expected {path} to be {what}, received: {error}") from None


class Wrong(Exception):
    """What a file holds is not what it should be; the message says all."""


class CheckedFile:
    """An open HDF5 file whose parts are handed out when they are what they should be.

    Args:
        file: An `h5py.File`.
        path: Its path, for messages.
    """

    def __init__(self, file, path):
        self.file, self.path, self.attributes = file, path, file.attrs

    def check(self, holds, expected, received):
        """Raises unless something holds."""
        if not holds:
            raise Wrong(f"Expected {expected} in {self.path}, received: {received}")

    def text(self, name):
        """An attribute that is a text."""
        value = self.attributes.get(name)
        value = value.decode("utf-8") if isinstance(value, bytes) else value
        self.check(isinstance(value, str), f"{name} to be a text", repr(value)[:100])
        return value

    def names(self, holder, name):
        """An attribute that is a JSON list of texts."""
        value = json.loads(holder.attrs[name])
        right = isinstance(value, list) and all(isinstance(text, str) for text in value)
        self.check(right, f"{name} to be a list of texts", repr(value)[:100])
        return value

    def image_shape(self):
        """The attribute `image_shape`: height, width and 3 channels."""
        value = np.asarray(self.attributes["image_shape"])
        right = value.shape == (3,) and value.dtype.kind in "iu" and value[2] == 3
        self.check(right and 0 < value.min() <= value.max() <= LARGEST_SIDE, "an image shape", value)
        return tuple(int(side) for side in value)

    def data(self, name, kinds, rank=1, rows=None):
        """A data set of some kinds of numbers, of a rank, in the file itself."""
        item = self.file.get(name, getlink=True)
        self.check(isinstance(item, h5py.HardLink), f"{name} to be in the file itself", type(item).__name__)
        data = self.file[name]
        plain = isinstance(data, h5py.Dataset) and not data.external and not data.is_virtual
        self.check(plain, f"{name} to be a plain data set", data)
        right = data.dtype.kind in kinds and data.ndim == rank
        self.check(right, f"{name} of rank {rank} and kind {kinds}", f"rank {data.ndim}, {data.dtype}")
        self.check(rows is None or len(data) == rows, f"{rows} {name}", data.shape)
        self._check_storage(data, name)
        return data

    def array(self, name, kinds, rank=1, rows=None):
        """The whole of a data set in memory."""
        data = self.data(name, kinds, rank, rows)
        self.check(data.nbytes <= LARGEST_ARRAY, f"{name} of {LARGEST_ARRAY} bytes at most", data.nbytes)
        return data[()]

    def texts(self, name, rows=None):
        """A data set of UTF-8 as a list of texts."""
        return [value.decode("utf-8") for value in self.array(name, "S", rows=rows)]

    def places(self, name, kinds, rows, limit, rank=1):
        """A data set of `rows` integers from 0 on and below `limit`, as int64 `(rows,)`."""
        values = self.array(name, kinds, rank, rows)
        self.check(values.size == rows, f"{rows} {name}", values.shape)
        inside = not rows or (values.min() >= 0 and values.max() < limit)
        self.check(inside, f"{rows} {name} from 0 to {limit - 1}", values[:5].tolist())
        return values.reshape(-1).astype("int64")

    def _check_storage(self, data, name):
        """Known filters, and chunks that fit into memory."""
        how = data.id.get_create_plist()
        filters = {how.get_filter(place)[0] for place in range(how.get_nfilters())}
        self.check(filters <= FILTERS, f"{name} without unknown filters", sorted(filters - FILTERS))
        chunk = np.prod(data.chunks or (1,), dtype="float64") * data.dtype.itemsize
        self.check(chunk <= LARGEST_ARRAY, f"{name} in chunks of {LARGEST_ARRAY} bytes at most", chunk)
