"""A map of embeddings, drawn with the pictures themselves."""

import functools

import numpy as np

from tfdml.explain.layout import map_layout
from tfdml.explain.tiles import check_pictures, fit_tile

# Okabe and Ito's colours, which colour-blind readers tell apart, and two more.
CLASS_COLORS = (
    *((0, 114, 178), (230, 159, 0), (0, 158, 115), (213, 94, 0), (204, 121, 167)),
    *((86, 180, 233), (160, 145, 0), (110, 84, 160), (120, 120, 120), (140, 86, 60)),
)


def embedding_map(
    embeddings,
    images,
    labels=None,
    seed=0,
    method="tsne",
    *,
    layout=None,
    cell=None,
    background=(255, 255, 255),
):
    """Pictures where their embeddings lie in two dimensions, each whole: none covers another.

    Pictures snap to the cells of a grid (see `tfdml.explain.map_layout`). Above 3,000 embeddings, 3,000
    at equal steps are laid out; where many are alike, some find no free cell and are left out.

    Args:
        embeddings: Finite floats `(n, dim)`.
        images: Pictures, RGB uint8 `(n, height, width, 3)`, or a function that gives them for indices.
        labels: Integers `(n,)`. With up to ten classes each picture gets a frame in its class's colour,
            `tfdml.explain.CLASS_COLORS` in the order of the classes' numbers. Defaults to `None` (no frames).
        seed: Integer; the same seed gives the same map. Defaults to `0`.
        method: `"tsne"` or `"pca"`. Defaults to `"tsne"`.
        layout: A `MapLayout` of these embeddings, if one is at hand. Defaults to `None`.
        cell: Side of a cell in pixels, 8 or more. Defaults to `None`: so that the map is about 1,280 wide,
            and a cell at most 96.
        background: RGB colour behind the pictures, or `None` for a transparent one. Defaults to white.

    Output shape: uint8 `(height, width, 3)`, or `(height, width, 4)` with a transparent background.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> images = rng.integers(0, 256, (12, 8, 8, 3), dtype="uint8")
    >>> tfdml.explain.embedding_map(rng.normal(size=(12, 4)), images, cell=16).shape[2]
    3
    """
    if cell is not None and not cell >= 8:
        raise ValueError(f"Expected cell to be 8 or more, received: {cell}")
    if not callable(images):
        images = check_pictures("images", images, (len(embeddings), None, None, 3)).__getitem__
    if layout is None:
        layout = map_layout(embeddings, method, seed)
    frames = class_frames(labels, len(embeddings))
    cell = cell or int(np.clip(1280 // max(layout.shape), 24, 96))
    gap, frame = max(1, cell // 16), max(2, cell // 14)
    canvas = np.zeros((layout.shape[0] * cell, layout.shape[1] * cell, 4), np.uint8)
    for start in range(0, len(layout.indices), 256):  # as few pictures in memory as that
        some = slice(start, start + 256)
        pictures = images(layout.indices[some])
        for index, row, column, picture in zip(
            layout.indices[some], layout.rows[some], layout.columns[some], pictures, strict=True
        ):
            tile = _tile(picture, cell - 2 * gap, frame, None if frames is None else frames[index])
            top, left = row * cell + gap, column * cell + gap
            canvas[top : top + len(tile), left : left + len(tile)] = tile
    if background is None:
        return canvas
    alpha = canvas[..., 3:].astype("float32") / 255
    behind = np.asarray(background, "float32")
    return np.rint(canvas[..., :3] * alpha + behind * (1 - alpha)).astype("uint8")


def class_frames(labels, n):
    """Colour of each picture's frame `(n, 3)`, or None without labels or with too many classes."""
    if labels is None:
        return None
    labels = np.asarray(labels)
    if labels.shape != (n,):
        raise ValueError(f"Expected labels to be ({n},), received: {labels.shape}")
    classes, order = np.unique(labels, return_inverse=True)
    return np.array(CLASS_COLORS)[order] if len(classes) <= len(CLASS_COLORS) else None


def _tile(picture, side, frame, color):
    """RGBA `(side, side, 4)` with round corners, and with a frame where there is a colour."""
    tile = np.empty((side, side, 4), np.uint8)
    if color is None:
        tile[..., :3] = fit_tile(picture, side)
    else:
        tile[..., :3] = color
        inner = side - 2 * frame
        tile[frame : frame + inner, frame : frame + inner, :3] = fit_tile(picture, inner)
    tile[..., 3] = _round_corners(side, max(2, side // 10))
    return tile


@functools.lru_cache(maxsize=8)
def _round_corners(side, radius, fine=4):
    """Opacity `(side, side)` of a square with round corners, from `fine` samples a pixel and direction."""
    at = (np.arange(side * fine) + 0.5) / fine
    outside = np.maximum(np.maximum(radius - at, at - (side - radius)), 0)
    inside = np.hypot(outside[:, None], outside[None, :]) <= radius
    return np.rint(255 * inside.reshape(side, fine, side, fine).mean(axis=(1, 3))).astype("uint8")
