"""What the header of an encoded picture promises, before any memory is spent on its pixels."""

import struct


def picture_size(encoded):
    """`(height, width)` in the header of a PNG, JPEG or WebP file; `None` where there is no such header.

    The orientation that a camera notes is not looked at.

    Args:
        encoded: The bytes of the file.

    Example:

    >>> import cv2
    >>> from tfdml.data.headers import picture_size
    >>> picture_size(cv2.imencode(".png", np.zeros((2, 3, 3), "uint8"))[1].tobytes())
    (2, 3)
    """
    try:
        if encoded[:8] == b"\x89PNG\r\n\x1a\n" and encoded[12:16] == b"IHDR":
            width, height = struct.unpack_from(">II", encoded, 16)
            return height, width
        if encoded[:3] == b"\xff\xd8\xff":
            return _jpeg(encoded)
        if encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP":
            return _webp(encoded)
    except (struct.error, IndexError):  # it ends early
        pass
    return None


def _jpeg(encoded):
    """The size in the first frame header, past the segments that stand before it."""
    place = 2
    while (place := encoded.find(b"\xff", place)) >= 0:
        while encoded[place] == 0xFF:
            place += 1
        marker, place = encoded[place], place + 1
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return struct.unpack_from(">HH", encoded, place + 3)
        if marker in (0xD9, 0xDA):  # the end, or pixels
            break
        if not (0xD0 <= marker <= 0xD8 or marker in (0x00, 0x01)):  # these have no content
            place += struct.unpack_from(">H", encoded, place)[0]
    return None


def _webp(encoded):
    kind = encoded[12:16]
    if kind == b"VP8 " and encoded[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", encoded, 26)
        return height & 0x3FFF, width & 0x3FFF
    if kind == b"VP8L" and encoded[20] == 0x2F:
        bits = struct.unpack_from("<I", encoded, 21)[0]
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", encoded, 24)
        return (high_height << 16 | low_height) + 1, (high_width << 16 | low_width) + 1
    return None
