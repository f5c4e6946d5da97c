"""Vectors whose dot products order a gallery as a distance does, in numbers that float32 can hold."""

import numpy as np

DISTANCES = "euclidean", "squared_euclidean", "cosine", "dot"


def score_vectors(queries, gallery, distance):
    """Float32 `(queries, d)` and `(gallery, d)`: the larger the dot product, the nearer the two.

    Equal embeddings give equal scores, and embeddings of small integers give exact ones, so that ties stay
    ties: all scaling is by powers of two.
    """
    if distance == "cosine":
        return unit_rows(queries), unit_rows(gallery)
    largest = max(np.abs(queries).max(), np.abs(gallery).max())
    queries, gallery = scaled(queries, largest), scaled(gallery, largest)
    if distance == "dot":
        return queries, gallery
    # A common offset changes no distance but would use up the digits: take most of it away.
    offset = np.round(gallery.mean(axis=0) * 64) / 64
    queries, gallery = queries - offset, gallery - offset
    # -|q - g|² / 2 = q·g - |g|²/2 - |q|²/2, and the last term is the same for the whole gallery.
    ones = np.ones((len(queries), 1), "float32")
    return np.hstack([queries, ones]), np.hstack([gallery, -0.5 * squared_norms(gallery)])


def unit_rows(x):
    """Rows of length one; rows of zeros stay zeros."""
    x = scaled(x, np.abs(x).max(axis=1, keepdims=True))
    norms = np.sqrt(squared_norms(x))
    return x / np.where(norms > 0, norms, 1)


def scaled(x, largest):
    """`x` over the power of two next above `largest`, in float32."""
    return np.ldexp(x, -np.frexp(largest)[1]).astype("float32", copy=False)


def squared_norms(x):
    """Squared lengths of the rows."""
    # Not einsum: its order of summation depends on where a row lies in memory, and would break ties.
    return np.sum(np.square(x), axis=1, keepdims=True)
