"""Pictures brought to the size of a tile."""

import cv2
import numpy as np


def check_pictures(name, pictures, shape):
    """`pictures` as an array, if it is RGB uint8 of `shape` (a tuple; None is any number above 0)."""
    pictures = np.asarray(pictures)
    fits = len(pictures.shape) == len(shape) and all(
        have > 0 if want is None else have == want for have, want in zip(pictures.shape, shape, strict=True)
    )
    if not fits or pictures.dtype != np.uint8:
        wanted = ", ".join("any" if want is None else str(want) for want in shape)
        raise ValueError(
            f"Expected {name} to be uint8 of shape ({wanted}), received: {pictures.dtype} {pictures.shape}"
        )
    return pictures


def fit_tile(picture, side, background=(255, 255, 255)):
    """The whole picture `(height, width, 3)` in the middle of a tile `(side, side, 3)`."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size != (width, height):
        # Averaging over areas is the only choice of OpenCV's that does not alias when it shrinks.
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        picture = cv2.resize(picture, size, interpolation=how)
    if size == (side, side):
        return picture
    tile = np.full((side, side, 3), background, np.uint8)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    tile[top : top + size[1], left : left + size[0]] = picture
    return tile
