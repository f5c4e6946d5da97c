"""What the publishers' files are made of: pictures, archives, lists and the pickles of Python 2."""

import io
import pickle
import struct
import tarfile
import zipfile
from typing import ClassVar

import cv2
import numpy as np


def pixels(number, height=24, width=32):
    """A picture that tells its number: grey, 7 levels a step, half as bright at the left."""
    picture = np.full((height, width, 3), 8 + number * 7 % 240, "uint8")
    picture[:, : width // 2] //= 2
    return picture


def encoded(number, suffix=".jpg", **size):
    return cv2.imencode(suffix, pixels(number, **size)[..., ::-1])[1].tobytes()


def write_zip(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)


def write_tar(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def lines(rows, sep=" "):
    return "".join(f"{sep.join(map(str, row))}\n" for row in rows).encode()


def python2_pickle(value):
    """A pickle as Python 2 wrote it, in which text, keys and the bytes of arrays are all of one kind."""
    buffer = io.BytesIO()
    pickler = _Python2Pickler(buffer, 2)
    pickler.dump(value)
    return buffer.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")


class _Python2Pickler(pickle._Pickler):
    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_string(self, value):
        value = value.encode("ascii") if isinstance(value, str) else value
        if len(value) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(value)]) + value)
        else:
            self.write(pickle.BINSTRING + struct.pack("<i", len(value)) + value)

    dispatch[str] = dispatch[bytes] = save_string
