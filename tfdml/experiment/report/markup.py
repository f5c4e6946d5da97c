"""HTML from Python: text is escaped unless it is known to be HTML already."""

import base64
import html

import cv2
import numpy as np

THUMBNAIL = 128  # most pixels on a side: sharp at the size it is shown, also on fine screens


class Markup(str):
    """HTML that may stand as it is."""

    def __add__(self, other):
        return Markup(str.__add__(self, text(other)))


def text(value):
    """Any value as HTML: what is `Markup` stays, everything else is escaped."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))


def join(parts):
    """Markup of several parts, one after another."""
    return Markup("".join(text(part) for part in parts))


def tag(name, /, *children, **attributes):
    """An element. A trailing underscore of an attribute falls off (`class_`), other underscores are hyphens;
    an attribute that is None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in ("img", "meta", "path", "line", "circle", "polyline"):
        return Markup(f"<{name}{written}>" if name in ("img", "meta") else f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def data_uri(pixels, quality=88):
    """RGB or RGBA pixels, uint8 `(height, width, 3 or 4)`, as a WebP picture within the page."""
    order = [2, 1, 0, 3][: pixels.shape[2]]  # OpenCV writes BGR
    written, encoded = cv2.imencode(".webp", pixels[..., order], [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not written:
        raise RuntimeError("OpenCV could not encode a WebP picture")
    return "data:image/webp;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def thumbnail(pixels, alt, **attributes):
    """An `<img>` of a picture `(height, width, 3)`."""
    height, width = pixels.shape[:2]
    scale = min(1.0, THUMBNAIL / max(height, width))
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return tag("img", src=data_uri(np.ascontiguousarray(pixels)), alt=alt, **attributes)


def section(identity, heading, *children):
    """A part of the page with its heading."""
    return tag("section", tag("h2", heading), *children, id=identity)
