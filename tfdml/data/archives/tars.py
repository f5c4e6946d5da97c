"""The members of a tar archive, read in one pass."""

import bz2
import gzip
import lzma
import tarfile
from contextlib import contextmanager
from functools import partial

from tfdml.data.archives.members import FILE, FOLDER, WHOLE, Member
from tfdml.data.archives.trust import Refused, named

_PACKINGS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_CHUNK_BYTES = 2**16
_MOST_HEADER_BYTES = 2**20
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a fifo",
}


@contextmanager
def tar_members(path, meter):
    """The members of the tar archive `path`, packed by gzip, bzip2, xz or not at all.

    They come one after another, and the content of each can be read until the next is asked for: a packed
    archive is unpacked once. `meter` counts every byte of it, headers too.
    """
    with path.open("rb") as file:
        start = file.read(8)
    opened = next((opened for magic, opened in _PACKINGS.items() if start.startswith(magic)), open)
    with opened(path, "rb") as file:
        yield _walk(path, _Stream(file, meter))


def _walk(path, stream):
    with named(path, WHOLE):
        archive = _opened(stream)
    while True:
        with named(path, WHOLE), stream.reading_headers():
            info = archive.next()
            archive.members.clear()  # tarfile keeps them all
        if info is None:
            break
        yield Member(info.name, _kind(info), None, partial(archive.extractfile, info))
        with named(path, WHOLE):  # what the caller left of it, so that what is read next is a header
            archive.fileobj.seek(max(archive.offset, archive.fileobj.tell()))
    with named(path, WHOLE):
        stream.read_out()


def _opened(stream):
    try:
        with stream.reading_headers():
            return tarfile.open(
                fileobj=stream,
                mode="r|",  # forwards only: no header can send the reader back
                bufsize=_CHUNK_BYTES,
                tarinfo=_Header,
                encoding="utf-8",
                errors="surrogateescape",
            )
    except (tarfile.TarError, Refused) as error:
        raise Refused(f"no archive of these kinds ({error})") from error


def _kind(info):
    if info.issparse():
        return "a sparse file"
    if info.isdir():
        return FOLDER
    return FILE if info.isreg() else _KINDS.get(info.type, f"of an unknown kind, {info.type!r}")


class _Header(tarfile.TarInfo):
    """A header that is an error where it is damaged: tarfile takes it for the end."""

    __slots__ = ()

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:
            raise  # the mark of the end
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


class _Stream:
    """An unpacked archive as `tarfile` reads it, whose bytes are counted.

    `tarfile` stops at the mark of the end, so who asks for more than there is reads a truncated archive.
    """

    def __init__(self, file, meter):
        self._file, self._meter = file, meter
        self._left = None  # bytes that headers may still have

    def read(self, size):
        if not (data := self._file.read(size)):
            raise Refused("it ends too early")
        self._meter.add(len(data))
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise Refused("a header that is larger than it needs to be")
        return data

    def read_out(self):
        """Reads what is behind the mark of the end: gzip compares its check sum there."""
        while data := self._file.read(_CHUNK_BYTES):
            self._meter.add(len(data))

    @contextmanager
    def reading_headers(self):
        """Bounds what is read meanwhile: `tarfile` takes long names into memory, of any size."""
        self._left = _MOST_HEADER_BYTES
        try:
            yield
        finally:
            self._left = None
