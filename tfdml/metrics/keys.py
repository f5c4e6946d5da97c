"""Numbers that order pairs as their distance does, and that stay equal where distances are.

They are summed in float64 and then rounded, first to a fixed grid and then to float32: what is equal in exact
arithmetic is equal, wherever in a product it was computed.
"""

from dataclasses import dataclass

import numpy as np

GRID = 2.0**40  # steps a unit


@dataclass(frozen=True)
class Keys:
    """Vectors whose inner products grow with the distance, and the way back to it.

    Attributes:
        left, right: float64, `(queries, d)` and `(gallery, d)`.
        distance: Name of the distance.
        scale: What vectors of 1 are in the user's numbers.
    """

    left: np.ndarray
    right: np.ndarray
    distance: str
    scale: float

    @classmethod
    def of(cls, queries, gallery, distance):
        """Of float arrays; the gallery is `None` where the queries are their own."""
        pool = gallery is None
        queries = queries.astype("float64")
        gallery = queries if pool else gallery.astype("float64")
        exponent = np.frexp(max(np.abs(queries).max(), np.abs(gallery).max()))[1]
        if distance == "cosine":
            queries, gallery, exponent = unit_rows(queries), unit_rows(gallery), 0
            return cls(with_columns(-queries, 1), with_columns(gallery, 1), distance, 1.0)
        queries, gallery = np.ldexp(queries, -exponent), np.ldexp(gallery, -exponent)
        if distance == "dot":
            return cls(-queries, gallery, distance, float(np.ldexp(1.0, 2 * exponent)))
        center = gallery.mean(axis=0)
        queries, gallery = queries - center, gallery - center
        # Without their common offset they may be far smaller: the grid is for what is left.
        further = np.frexp(max(np.abs(queries).max(), np.abs(gallery).max()))[1]
        queries, gallery = np.ldexp(queries, -further), np.ldexp(gallery, -further)
        left = with_columns(-2 * queries, 1, np.sum(queries**2, axis=1))
        right = with_columns(gallery, np.sum(gallery**2, axis=1), 1)
        power = 1 if distance == "euclidean" else 2
        return cls(left, right, distance, float(np.ldexp(1.0, power * (exponent + further))))

    def product(self, rows, columns):
        """Float32 keys of a block of pairs, in steps of the grid."""
        keys = (GRID * self.left[rows]) @ self.right[columns].T
        return np.rint(keys, out=keys).astype("float32")

    def of_pairs(self, first, second, tile):
        """The same of given pairs."""
        keys = np.empty(len(first), "float32")
        for start in range(0, len(first), tile):
            now = slice(start, start + tile)
            keys[now] = np.rint(GRID * np.sum(self.left[first[now]] * self.right[second[now]], axis=1))
        return keys

    def distances(self, keys):
        """Distances in the user's units, float64."""
        values = np.asarray(keys, "float64") / GRID
        return self.scale * (np.sqrt(np.maximum(values, 0)) if self.distance == "euclidean" else values)

    def keys(self, distances):
        """The way back: float32 keys of distances that are not negative."""
        values = np.minimum(distances / self.scale, 1e12)  # farther than any two are, and float32 can hold it
        return (GRID * (values**2 if self.distance == "euclidean" else values)).astype("float32")


def unit_rows(x):
    """Rows of length one, in float64; rows of zeros stay zeros."""
    x = np.ldexp(x, -np.frexp(np.abs(x).max(axis=1, keepdims=True))[1])
    norms = np.sqrt(np.sum(x**2, axis=1, keepdims=True))
    return x / np.where(norms > 0, norms, 1)


def with_columns(x, *columns):
    """Rows `x` with more columns behind, each an array or one number for all rows."""
    return np.column_stack([x, *(np.broadcast_to(column, len(x)) for column in columns)])
