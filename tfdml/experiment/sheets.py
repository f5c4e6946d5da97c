"""Sheets of the pictures that a search or a classifier names."""

from pathlib import Path

import cv2
import numpy as np

from tfdml.files import written_whole

GREY = 200


def check_sheet(out):
    """Raises ValueError if a sheet cannot be called so."""
    if Path(out).suffix.lower() != ".png":
        raise ValueError(f"Expected out to end in .png, received: {out}")


def pictures_at(gallery, places):
    """The pictures in some places of a gallery, and how many are not where they were; these are grey.

    Args:
        gallery: A `Gallery`.
        places: Integers; -1 for a picture that is not of the gallery, which is grey too.

    Returns:
        `(pictures, missing)`: uint8 `(places, side, side, 3)`, and a number.
    """
    pictures = np.full((len(places), gallery.side, gallery.side, 3), GREY, "uint8")
    missing = 0
    for number, place in enumerate(places):
        if place < 0:
            continue
        try:
            pictures[number] = gallery.picture(place)
        except (OSError, ValueError):
            missing += 1
    return pictures, missing


def write_sheet(sheet, out):
    """Writes a sheet, RGB uint8, as a PNG file, whole or not at all."""
    encoded = cv2.imencode(".png", sheet[..., ::-1])[1]
    with written_whole(out) as part:
        part.write_bytes(encoded)
