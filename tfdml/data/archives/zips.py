"""The members of a zip archive."""

import io
import stat
import zipfile
from contextlib import contextmanager
from functools import partial

from tfdml.data.archives.members import FILE, FOLDER, WHOLE, Member
from tfdml.data.archives.trust import Refused, named

_ENTRY_BYTES = 128  # of the directory of a zip, for each member; names are seldom longer than half of it
_ENCRYPTED = 0x1


@contextmanager
def zip_members(path, most):
    """The members of the zip archive `path`, in a list; they can be read while the context lasts."""
    with _BoundedReader(path, most * _ENTRY_BYTES) as file:
        with named(path, WHOLE):
            archive = zipfile.ZipFile(file)
        with archive:
            yield [_member(archive, info) for info in archive.infolist()]


class _BoundedReader(io.BufferedReader):
    """A file that is never read in one large piece: `ZipFile` takes a directory of any size into memory."""

    def __init__(self, path, most):
        super().__init__(io.FileIO(path))
        self.most = most

    def read(self, size=-1, /):
        if size is not None and size > self.most:
            raise Refused("more members than are allowed")
        return super().read(size)


def _member(archive, info):
    # `ZipInfo.filename` ends at the first NUL, and has other separators on Windows.
    name = info.orig_filename if {"\0", "\\"} & set(info.orig_filename) else info.filename
    return Member(name, _kind(info), info.file_size, partial(archive.open, info))


def _kind(info):
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "a symbolic link"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a device, fifo or socket"
    if info.flag_bits & _ENCRYPTED:
        return "encrypted"
    if info.filename.endswith("/"):
        return "a folder with content" if info.file_size else FOLDER
    return "a folder by its kind and a file by its name" if kind == stat.S_IFDIR else FILE
