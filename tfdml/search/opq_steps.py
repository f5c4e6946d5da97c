"""k-means and rotations of `tfdml.search.OPQ`: in NumPy, all parts of the vectors at once."""

import numpy as np

WARM_UP, POLISH = 20, 10  # steps of k-means before the first and after the last turn of the rotation
_CELLS = 2**18  # scores that are compared at a time: what stays in the cache


def alternate(z, subspaces, rotation, size, iterations, rng):
    """Rotation `(dim, dim)` and codebooks `(subspaces, size, dim / subspaces)` of centred rows `z`.

    In turn: a step of k-means in all sub-spaces, and the rotation that brings the points closest to their
    codewords, `U V^T` of `z^T y = U S V^T`. Neither makes the error larger.
    """
    parts = split(z @ rotation, subspaces)
    codebooks = np.stack([part[rng.choice(len(z), size, replace=False)] for part in parts])
    codes = nearest_codewords(parts, codebooks)
    for step in range(WARM_UP + iterations + POLISH):
        codebooks = means(parts, codes, codebooks)
        if WARM_UP <= step < WARM_UP + iterations:
            rotation = orthonormal(z.T @ joined(codewords(codes, codebooks)))
            parts = split(z @ rotation, subspaces)
        codes = nearest_codewords(parts, codebooks)
    return rotation, means(parts, codes, codebooks)


def orthonormal(matrix):
    """The matrix with orthonormal columns of the largest inner product with `matrix` (Procrustes)."""
    left, _, right = np.linalg.svd(matrix.astype("float64"), full_matrices=False)
    return (left @ right).astype("float32")


def split(z, subspaces):
    """Rows `(n, dim)` to their parts `(subspaces, n, dim / subspaces)`."""
    return np.ascontiguousarray(z.reshape(len(z), subspaces, -1).swapaxes(0, 1))


def joined(parts):
    """Parts `(subspaces, n, width)` to rows `(n, subspaces · width)`."""
    return parts.swapaxes(0, 1).reshape(parts.shape[1], -1)


def codewords(codes, codebooks):
    """What codes `(subspaces, n)` stand for: parts `(subspaces, n, width)`."""
    return np.take_along_axis(codebooks, codes[:, :, None].astype("int64"), axis=1)


def nearest_codewords(parts, codebooks):
    """The nearest codeword of each part: `(subspaces, n)`, uint8; of equal ones the first."""
    subspaces, size, _ = codebooks.shape
    # From their middle, so that an offset that all share does not use up the digits.
    middle = codebooks.mean(axis=1, keepdims=True)
    transposed = np.ascontiguousarray((codebooks - middle).swapaxes(1, 2))
    scale = np.abs(transposed).max() or np.float32(1)  # squares of huge entries do not fit into float32
    transposed /= scale
    half = np.square(transposed).sum(axis=1, keepdims=True) / 2
    codes = np.empty(parts.shape[:2], "uint8")
    tile = max(_CELLS // (subspaces * size), 1)
    for start in range(0, parts.shape[1], tile):
        now = slice(start, start + tile)
        codes[:, now] = np.argmax((parts[:, now] - middle) / scale @ transposed - half, axis=2)
    return codes


def means(parts, codes, codebooks):
    """Each codeword moved to the mean of its parts; one without any to a part that is far from its own."""
    subspaces, size, width = codebooks.shape
    cells = (codes + size * np.arange(subspaces)[:, None]).ravel()
    counts = np.bincount(cells, minlength=subspaces * size).reshape(subspaces, size)
    flat = parts.reshape(-1, width)
    sums = [np.bincount(cells, flat[:, i], subspaces * size) for i in range(width)]
    sums = np.stack(sums, axis=1).reshape(codebooks.shape)
    codebooks = np.where(counts[:, :, None] > 0, sums / np.maximum(counts, 1)[:, :, None], codebooks)
    codebooks = codebooks.astype("float32")
    for i in np.flatnonzero((counts == 0).any(axis=1)):
        empty = np.flatnonzero(counts[i] == 0)
        error = np.square(parts[i] - codebooks[i, codes[i]]).sum(axis=1)
        codebooks[i, empty] = parts[i, np.argsort(-error, kind="stable")[: len(empty)]]
    return codebooks
