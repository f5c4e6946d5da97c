"""Bytes in an HDF5 file, read by many threads and processes at once."""

import os
import threading
import weakref
from pathlib import Path

import h5py
import numpy as np

from tfdml.data.checked_hdf5 import opened


class Hdf5Array:
    """A uint8 data set of an HDF5 file, read-only, opened once a process.

    Where it lies in one piece its bytes are read from the file at their places, by several threads at once.
    Not through a memory map: a file that is cut short under one kills the process without a word, and
    what was read would count as memory in use. What is in chunks goes through HDF5, one thread at a time.

    Args:
        path: Path of the file, which must stay as it is from now on.
        name: Name of the data set.
        shape: Its shape.

    Raises:
        OSError: There is no such file.
    """

    def __init__(self, path, name, shape):
        self.path, self.name, self.shape = Path(path).absolute(), name, tuple(shape)
        self._made, self._source = _identity(self.path.stat()), None

    def reader(self):
        """A function `(out, first)` that fills the array `out` with as many rows, from row `first` on.

        Raises:
            ValueError: The file is gone, has changed, or holds no such data set.
        """
        source = self._source
        if source is None or source.process != os.getpid():  # a handle is for one process
            source = self._source = self._open()
        if _identity(os.fstat(source.descriptor)) != self._made:
            raise ValueError(f"Expected {self.path} to stay as it was when it was opened, received: a change")
        return source.read

    def _open(self):
        with opened(self.path) as file:
            data = file.data(self.name, "u", len(self.shape))
            right = data.shape == self.shape and data.dtype == np.uint8
            file.check(right, f"{self.name} uint8 {self.shape}", f"{data.dtype} {data.shape}")
            place, size = _place(data), self.path.stat().st_size
            if place is None:
                return _Chunks(self.path, self.name, int(np.prod(data.chunks or (1,))))
            file.check(place + data.nbytes <= size, f"{place + data.nbytes} bytes", size)
        return _Piece(self.path, place)

    def __getstate__(self):
        return {**self.__dict__, "_source": None}


def _identity(status):
    return status.st_size, status.st_mtime_ns


def _place(data):
    """Where in the file a data set begins that is there in one piece, byte for byte; else `None`."""
    plain = data.id.get_create_plist().get_layout() == h5py.h5d.CONTIGUOUS
    plain = plain and data.id.get_type().equal(h5py.h5t.NATIVE_UINT8)
    return data.id.get_offset() if plain else None  # None too where nothing was ever written


class _Source:
    """A file that a process has opened."""

    def __init__(self, path):
        self.path, self.process = path, os.getpid()
        self.descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        # Not at exit: the threads of a pipeline may still be reading.
        weakref.finalize(self, os.close, self.descriptor).atexit = False


class _Piece(_Source):
    """The bytes from a place in the file on."""

    def __init__(self, path, place):
        super().__init__(path)
        self.place = place

    def read(self, out, first):
        view = memoryview(out.reshape(-1))
        place = self.place + first * (out.nbytes // len(out))
        while len(view):
            try:
                count = read_at(self.descriptor, view, place)
            except OSError as error:  # of the disk; it does not say of which file
                raise OSError(error.errno, error.strerror, str(self.path)) from None
            if not count:
                raise ValueError(f"Expected {self.path} to be whole, received: its end at byte {place}")
            view, place = view[count:], place + count


class _Chunks(_Source):
    """A data set as HDF5 reads it."""

    def __init__(self, path, name, chunk):
        super().__init__(path)
        # With less than a chunk in its cache HDF5 reads the whole chunk anew for each row.
        self.file = h5py.File(path, "r", rdcc_nbytes=min(max(2**20, 2 * chunk), 2**28))
        self.data = self.file[name].id

    def read(self, out, first):
        # What `read_direct` of h5py does, which takes twice the time to find out what it is asked for.
        rows = self.data.get_space()
        rows.select_hyperslab((first, *(0 for _ in out.shape[1:])), out.shape)
        try:
            self.data.read(h5py.h5s.create_simple(out.shape), rows, out, h5py.h5t.NATIVE_UINT8)
        except (OSError, RuntimeError) as error:
            raise ValueError(f"Expected {self.path} to be whole, received: {error}") from None


_seeking = threading.Lock()


def _seek_and_read(descriptor, view, place):
    with _seeking:
        os.lseek(descriptor, place, os.SEEK_SET)
        data = os.read(descriptor, min(len(view), 2**30))
    view[: len(data)] = data
    return len(data)


def _read_at(descriptor, view, place):
    return os.preadv(descriptor, [view], place)


# Fills what it can of a view with the bytes from a place on, and gives their number. Windows has no preadv.
read_at = _read_at if hasattr(os, "preadv") else _seek_and_read
