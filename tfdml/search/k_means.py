"""Steps of k-means in NumPy, in several sub-spaces at once: for lists of rows, and for codes of few bytes."""

import numpy as np

_CELLS = 2**18  # scores that are compared at a time: what stays in the cache


def nearest(parts, centroids):
    """The nearest centroid of each part, of equal ones the first: integers `(subspaces, n)`.

    Args:
        parts: `(subspaces, n, width)`.
        centroids: `(subspaces, size, width)`.
    """
    subspaces, size, _ = centroids.shape
    # From their middle, so that an offset that all share does not use up the digits.
    middle = centroids.mean(axis=1, keepdims=True)
    transposed = np.ascontiguousarray((centroids - middle).swapaxes(1, 2))
    scale = np.abs(transposed).max() or np.float32(1)  # squares of huge entries do not fit into float32
    transposed /= scale
    half = np.square(transposed).sum(axis=1, keepdims=True) / 2
    chosen = np.empty(parts.shape[:2], "uint8" if size <= 256 else "int32")
    tile = max(_CELLS // (subspaces * size), 1)
    for start in range(0, parts.shape[1], tile):
        now = slice(start, start + tile)
        chosen[:, now] = np.argmax((parts[:, now] - middle) / scale @ transposed - half, axis=2)
    return chosen


def means(parts, chosen, centroids):
    """Each centroid moved to the mean of its parts; one without any to a part that is far from its own."""
    subspaces, size, width = centroids.shape
    cells = (chosen + size * np.arange(subspaces)[:, None]).ravel()
    counts = np.bincount(cells, minlength=subspaces * size).reshape(subspaces, size)
    flat = parts.reshape(-1, width)
    sums = [np.bincount(cells, flat[:, i], subspaces * size) for i in range(width)]
    sums = np.stack(sums, axis=1).reshape(centroids.shape)
    centroids = np.where(counts[:, :, None] > 0, sums / np.maximum(counts, 1)[:, :, None], centroids)
    centroids = centroids.astype("float32")
    for i in np.flatnonzero((counts == 0).any(axis=1)):
        empty = np.flatnonzero(counts[i] == 0)
        error = np.square(parts[i] - centroids[i, chosen[i]]).sum(axis=1)
        far = np.argsort(-error, kind="stable")
        centroids[i, empty] = parts[i, np.resize(far, len(empty))]
    return centroids
