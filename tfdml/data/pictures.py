"""Encoded pictures to pixels: one way to read a file for training, search and export alike."""

from pathlib import Path

import cv2
import numpy as np

from tfdml.data.headers import picture_size

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
LARGEST_PICTURE = 2**27  # pixels: 400 MB, which a file of a few kilobytes can ask for
FITS = ("crop", "pad", "stretch")


def read_picture(path):
    """Pixels of a picture file: RGB, uint8, `(height, width, 3)`.

    Grey pictures become RGB, transparent ones are laid on white, and the orientation that a camera
    wrote into the file is applied.

    Args:
        path: Path of a file in a format that OpenCV reads (JPEG, PNG, WebP, BMP, TIFF, GIF).

    Raises:
        ValueError: The file is no picture, is empty or ends early; the message names it.

    Example:

    >>> import cv2
    >>> _ = cv2.imwrite("red.png", np.full((4, 6, 3), (0, 0, 255), "uint8"))  # OpenCV writes BGR
    >>> tfdml.data.read_picture("red.png").shape
    (4, 6, 3)
    """
    try:
        return decode_picture(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"Expected {path} to be a whole picture, received: {error}") from None


def decode_picture(encoded):
    """Pixels (RGB, uint8, `(height, width, 3)`) of a picture file's bytes: see `read_picture`.

    Args:
        encoded: The bytes of the file.

    Raises:
        ValueError: The bytes are no picture, or only the beginning of one.

    Example:

    >>> import cv2
    >>> tfdml.data.decode_picture(cv2.imencode(".png", np.zeros((2, 3), "uint8"))[1].tobytes()).shape
    (2, 3, 3)
    """
    data = np.frombuffer(encoded, np.uint8)
    if not data.size:
        raise ValueError("an empty file")
    height, width = picture_size(encoded) or (0, 0)
    if height * width > LARGEST_PICTURE:
        raise ValueError(f"{width}x{height} pixels, of which {LARGEST_PICTURE} at most are read")
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if _may_be_transparent(encoded) else None
        if not (pixels is not None and pixels.ndim == 3 and pixels.shape[2] == 4):
            # Unlike UNCHANGED, turns as the camera was held.
            pixels = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise ValueError(str(error.err or error).strip()) from None
    if pixels is None:
        raise ValueError(f"{data.size} bytes that are no picture, or only the beginning of one")
    if pixels.dtype != np.uint8:
        pixels = cv2.convertScaleAbs(pixels, alpha=255 / np.iinfo(pixels.dtype).max)
    if pixels.shape[2] == 4:
        alpha = pixels[..., 3:].astype("float32") / 255
        pixels = np.rint(pixels[..., 2::-1] * alpha + 255 * (1 - alpha)).astype("uint8")
    return np.ascontiguousarray(pixels)


def _may_be_transparent(encoded):
    """Whether a picture could have an alpha channel: decoding it twice to see would take twice as long."""
    if encoded[:3] == b"\xff\xd8\xff":  # JPEG
        return False
    if encoded[:8] == b"\x89PNG\r\n\x1a\n":
        return encoded[25:26] in (b"\x03", b"\x04", b"\x06") or b"tRNS" in encoded[: encoded.find(b"IDAT")]
    return True


def fit_picture(picture, size, fit="crop"):
    """A picture `(height, width, 3)` brought to `(size, size, 3)`.

    Args:
        picture: RGB uint8, `(height, width, 3)`, any size from 1x1.
        size: Side of the result in pixels, an integer of 1 or more.
        fit: `"crop"` (the middle square), `"pad"` (the whole picture on white) or `"stretch"`.
            Defaults to `"crop"`.

    Example:

    >>> tfdml.data.fit_picture(np.zeros((30, 50, 3), "uint8"), 16).shape
    (16, 16, 3)
    """
    if fit not in FITS:
        raise ValueError(f"Expected fit to be one of {', '.join(map(repr, FITS))}, received: {fit!r}")
    height, width = picture.shape[:2]
    if fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        picture = picture[top : top + side, left : left + side]
    elif fit == "pad":
        side = max(height, width)
        if side**2 > LARGEST_PICTURE:
            raise ValueError(f"Expected picture to be less long, to be padded, received: {width}x{height}")
        square = np.full((side, side, 3), 255, "uint8")
        top, left = (side - height) // 2, (side - width) // 2
        square[top : top + height, left : left + width] = picture
        picture = square
    if picture.shape[:2] == (size, size):
        return picture
    shrinks = min(picture.shape[:2]) > size
    # Averaging over areas is the only choice of OpenCV's that does not alias when it shrinks.
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
