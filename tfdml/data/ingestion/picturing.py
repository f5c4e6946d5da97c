"""From a picture of any size to the bytes that an ingestion stores."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tfdml.data.image_file import ENCODINGS
from tfdml.data.pictures import FITS, decode_picture, fit_picture

JPEG_QUALITY = 95


@dataclass(frozen=True)
class Picturing:
    """How pictures are stored.

    Attributes:
        size: Side in pixels, 1 to 4096.
        fit: `"crop"` (shorter side to the size, the middle of the other), `"pad"` (longer side to the size,
            the rest white) or `"stretch"` (both sides, proportions lost).
        encoding: `"raw"`, `"jpeg"` or `"png"`.
        channels_first: Whether raw pixels are stored `(3, size, size)`.
        fuel: Whether pictures become squares as the first converters made them: stretched, without smoothing.
    """

    size: int
    fit: str = "crop"
    encoding: str = "raw"
    channels_first: bool = False
    fuel: bool = False

    def __post_init__(self):
        if not 1 <= self.size <= 4096:
            raise ValueError(f"Expected size to be from 1 to 4096, received: {self.size}")
        for name, value, allowed in (("fit", self.fit, FITS), ("encoding", self.encoding, ENCODINGS)):
            if value not in allowed:
                raise ValueError(
                    f"Expected {name} to be one of {', '.join(map(repr, allowed))}, received: {value!r}"
                )
        if self.encoding != "raw" and (self.channels_first or self.fuel):
            what = "fuel" if self.fuel else "channels='first'"
            raise ValueError(f"Expected encoding to be 'raw' with {what}, received: {self.encoding!r}")

    @property
    def row_bytes(self):
        """Bytes of a picture, where all have the same."""
        return 3 * self.size**2

    def store(self, payload, prepare):
        """The bytes of a picture and their SHA-256.

        Args:
            payload: Path or bytes of a picture file, or pixels `(height, width)` or `(height, width, 3)`.
            prepare: Function from its RGB pixels to those that are stored.

        Raises:
            ValueError: It is no picture.
            OSError: It cannot be read.
        """
        if isinstance(payload, Path):
            payload = payload.read_bytes()
        picture = decode_picture(payload) if isinstance(payload, bytes) else _rgb(payload)
        picture = self._fit(prepare(picture))
        if self.encoding == "raw":
            picture = picture.transpose(2, 0, 1) if self.channels_first else picture
            stored = np.ascontiguousarray(picture)
        else:
            options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if self.encoding == "jpeg" else []
            stored = cv2.imencode(f".{self.encoding}", picture[..., ::-1], options)[1]
        stored = stored.data.cast("B")
        return stored, hashlib.sha256(stored).digest()

    def _fit(self, picture):
        if self.fuel:
            return cv2.resize(picture, (self.size, self.size))
        return fit_picture(picture, self.size, self.fit)


def _rgb(pixels):
    """Pixels in memory as RGB."""
    pixels = np.asarray(pixels)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise ValueError(f"{pixels.dtype} {pixels.shape}, which are no grey or RGB pixels")
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
