"""Where pixels come from: an HDF5 file, a folder, or memory. A store knows rows, nothing of labels."""

import os
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np

from tfdml.data.pictures import decode_picture, fit_picture, read_picture


class Store:
    """Rows of pictures of one size. A subclass gives `shape` `(rows, height, width, 3)` and `load(row)`."""

    shape = (0, 0, 0, 3)

    def load(self, row):
        """Pixels `(height, width, 3)`, uint8, of one row."""
        raise NotImplementedError

    def read(self, rows):
        """Pixels `(len(rows), height, width, 3)`, uint8, in the order asked for."""
        out = np.empty((len(rows), *self.shape[1:]), "uint8")
        for place, row in enumerate(rows):
            out[place] = self.load(row)
        return out


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

    def read(self, rows):
        out = np.empty((len(rows), *self.shape[1:]), "uint8")
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for place, pixels in enumerate(pool.map(self.load, rows)):
                out[place] = pixels
        return out


class EncodedStore(Store):
    """Encoded pictures one after another in a byte array of an HDF5 file, opened once a process."""

    def __init__(self, path, offsets, image_shape):
        self.path, self.offsets = path, offsets
        self.shape = (len(offsets) - 1, *image_shape)
        self._file, self._process = None, None

    def load(self, row):
        if self._process != os.getpid():  # an HDF5 handle does not survive a fork
            self._file, self._process = h5py.File(self.path, "r"), os.getpid()
        first, last = self.offsets[row], self.offsets[row + 1]
        pixels = decode_picture(self._file["images"][first:last].tobytes())
        if pixels.shape != self.shape[1:]:
            raise ValueError(
                f"Expected picture {row} of {self.path} to be {self.shape[1:]}, received: {pixels.shape}"
            )
        return pixels

    def __getstate__(self):
        return {**self.__dict__, "_file": None, "_process": None}


class CachedStore(Store):
    """Another store, whose rows are kept in memory once they were read."""

    def __init__(self, store):
        self.store, self.shape = store, store.shape
        self._pixels = np.empty(store.shape, "uint8")  # the system commits pages as they are written
        self._known = np.zeros(len(self._pixels), bool)

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


def cached(store, budget=2**30):
    """The store with a cache in memory if all of its pixels take `budget` bytes at most, else as it is."""
    return CachedStore(store) if np.prod(store.shape, dtype="int64") <= budget else store
