import struct

import cv2
import numpy as np
import pytest

from tfdml.data.headers import picture_size

PICTURE = np.random.default_rng(0).integers(0, 256, (30, 50, 3), "uint8")


def encoded(suffix, *flags, picture=PICTURE):
    return cv2.imencode(suffix, picture, list(flags))[1].tobytes()


def with_thumbnail():
    """A JPEG with a smaller one inside, as cameras write it."""
    inside = encoded(".jpg", picture=PICTURE[:8, :8])
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", len(inside) + 2) + inside + encoded(".jpg")[2:]


KINDS = {
    "png": encoded(".png"),
    "grey png": encoded(".png", picture=PICTURE[..., 0]),
    "jpeg": encoded(".jpg"),
    "progressive jpeg": encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "jpeg with restarts": encoded(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
    "jpeg with a thumbnail": with_thumbnail(),
    "lossy webp": encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 50),
    "lossless webp": encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
    "transparent webp": encoded(
        ".webp", cv2.IMWRITE_WEBP_QUALITY, 50, picture=np.dstack([PICTURE, PICTURE[..., 0]])
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_is_what_decoding_gives(kind):
    data = KINDS[kind]
    decoded = cv2.imdecode(np.frombuffer(data, "uint8"), cv2.IMREAD_COLOR)
    assert picture_size(data) == decoded.shape[:2] == (30, 50)


@pytest.mark.parametrize("kind", KINDS)
def test_what_ends_early_has_no_size_or_its_own(kind):
    for end in range(len(KINDS[kind])):
        assert picture_size(KINDS[kind][:end]) in (None, (30, 50))


@pytest.mark.parametrize("data", [b"", b"words", encoded(".bmp"), b"\xff\xd8\xff" + bytes(50)])
def test_nothing_else_has_a_size(data):
    assert picture_size(data) is None
