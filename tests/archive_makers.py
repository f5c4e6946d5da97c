"""Makes small archives, good and bad, which the tests of unpacking share."""

import io
import tarfile
import zipfile

import pytest

FILES = {"set/images/a.jpg": b"picture a", "set/images/b.jpg": b"picture b", "set/list.txt": "é".encode()}


def make_tar(path, members, mode="w:gz"):
    """A tar of members: contents by name, or `TarInfo` for what is more than that."""
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def make_zip(path, members, packing=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def special(kind, name="set/x", **fields):
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def unpacked(folder):
    """Contents by name."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def is_clean(folder, archive):
    """Whether the folder has the archive and nothing else, not even a hidden file."""
    return list(folder.iterdir()) == [archive]


MAKERS = [pytest.param(make_tar, id="tar"), pytest.param(make_zip, id="zip")]
