"""Where pixels come from: an HDF5 file, a folder, or memory. A store knows rows, nothing of labels."""

import functools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tfdml.data.hdf5_array import Hdf5Array
from tfdml.data.headers import picture_size
from tfdml.data.pictures import decode_picture, fit_picture, read_picture


class Store:
    """Rows of pictures of one size. A subclass gives `shape` `(rows, height, width, 3)` and `load(row)`.

    Many threads may read at once. A pickled store is one that another process opens for itself.
    """

    shape = (0, 0, 0, 3)

    def load(self, row):
        """Pixels `(height, width, 3)`, uint8, of one row."""
        raise NotImplementedError

    def read(self, rows):
        """Pixels `(len(rows), height, width, 3)`, uint8, in the order asked for."""
        out = np.empty((len(rows), *self.shape[1:]), "uint8")

        def fill(first):
            for place in range(first, min(first + 4, len(rows))):
                out[place] = self.load(rows[place])

        parts = range(0, len(rows), 4)
        try:
            jobs = _threads(os.getpid()).map(fill, parts)
        except RuntimeError:  # at the end of the program there are no more threads to be had
            jobs = map(fill, parts)
        for _ in jobs:
            pass  # what went wrong in a thread is raised here
        return out


@functools.cache
def _threads(process):
    """The threads in which a process decodes; those of its parent do not survive a fork."""
    return ThreadPoolExecutor(min(8, os.cpu_count() or 1))


class ArrayStore(Store):
    """Pictures in memory: uint8, `(rows, height, width, 3)`."""

    def __init__(self, pixels):
        self.pixels, self.shape = pixels, pixels.shape

    def read(self, rows):
        return self.pixels[np.asarray(rows, int)]


class FileStore(Store):
    """Picture files, read when asked for, several at a time."""

    def __init__(self, paths, size, fit):
        self.paths, self.size, self.fit = paths, size, fit
        self.shape = (len(paths), size, size, 3)

    def load(self, row):
        return fit_picture(read_picture(self.paths[row]), self.size, self.fit)


class RawStore(Store):
    """Pixels in an HDF5 file.

    Args:
        path: Path of the file, which must stay as it is from now on.
        dataset: Name of the data set.
        shape: `(rows, height, width, 3)` of the pictures.
        channels_first: Whether the file has them as `(rows, 3, height, width)`. Defaults to `False`.
    """

    def __init__(self, path, dataset, shape, channels_first=False):
        self.shape, self.channels_first = tuple(shape), channels_first
        rows, height, width, channels = self.shape
        stored = (channels, height, width) if channels_first else (height, width, channels)
        self.array = Hdf5Array(path, dataset, (rows, *stored))

    def read(self, rows):
        rows = np.asarray(rows, int)
        if rows.size and not 0 <= rows.min() <= rows.max() < self.shape[0]:
            raise IndexError(
                f"Expected rows from 0 to {self.shape[0] - 1}, received: {rows.min()} to {rows.max()}"
            )
        out = np.empty((len(rows), *self.array.shape[1:]), "uint8")
        read = self.array.reader()
        # Row by row, as the disk has them: HDF5 is many times slower when it is given a list of rows.
        for place, row, count in _runs(rows):
            read(out[place : place + count], row)
        return np.ascontiguousarray(np.moveaxis(out, 1, 3)) if self.channels_first else out


def _runs(rows):
    """`(place, row, count)` of rows that follow one another both where they are and where they go."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero((np.diff(ordered, prepend=-2) != 1) | (np.diff(order, prepend=-2) != 1))
    counts = np.diff(starts, append=len(rows))
    return zip(order[starts].tolist(), ordered[starts].tolist(), counts.tolist(), strict=True)


class EncodedStore(Store):
    """Encoded pictures (PNG, JPEG, WebP) one after another in a byte array of an HDF5 file.

    Args:
        path: Path of the file, which must stay as it is from now on.
        offsets: Where each begins and the last ends, int64 `(rows + 1,)`.
        image_shape: `(height, width, 3)` of each.
    """

    def __init__(self, path, offsets, image_shape):
        self.offsets, self.shape = offsets, (len(offsets) - 1, *image_shape)
        self.array = Hdf5Array(path, "images", (int(offsets[-1]),))

    def load(self, row):
        first, last = self.offsets[row], self.offsets[row + 1]
        encoded = np.empty(last - first, "uint8")
        self.array.reader()(encoded, int(first))
        encoded = encoded.tobytes()
        size = picture_size(encoded) or ()
        if sorted(size) != sorted(self.shape[1:3]):  # some kilobytes may promise gigabytes of pixels
            self._refuse(row, (*size, 3) if size else "no header of PNG, JPEG or WebP")
        try:
            pixels = decode_picture(encoded)
        except ValueError as error:
            self._refuse(row, error)
        if pixels.shape != self.shape[1:]:
            self._refuse(row, pixels.shape)
        return pixels

    def _refuse(self, row, received):
        raise ValueError(
            f"Expected picture {row} of {self.array.path} to be {self.shape[1:]}, received: {received}"
        ) from None


class CachedStore(Store):
    """Another store, whose rows are kept in memory once they were read.

    Threads that miss the same row both read it, and write the same pixels to the same place; a row counts
    as known after that. Another process has a cache of its own.
    """

    def __init__(self, store):
        self.store, self.shape = store, store.shape
        self._forget()

    def _forget(self):
        self._pixels = np.empty(self.shape, "uint8")  # the system commits pages as they are written
        self._known = np.zeros(self.shape[0], bool)

    def read(self, rows):
        rows = np.asarray(rows, int)
        missing = np.unique(rows[~self._known[rows]])
        if missing.size:
            self._pixels[missing] = self.store.read(missing)
            self._known[missing] = True
        return self._pixels[rows]

    def put(self, row, pixels):
        """Keeps pixels that somebody has read already."""
        self._pixels[row], self._known[row] = pixels, True

    def __getstate__(self):
        return {"store": self.store, "shape": self.shape}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._forget()


def cached(store, budget=2**30):
    """The store with a cache in memory if all of its pixels take `budget` bytes at most, else as it is."""
    return CachedStore(store) if np.prod(store.shape, dtype="int64") <= budget else store
