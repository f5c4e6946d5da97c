"""Rotations and codewords of `tfdml.search.OPQ`: in NumPy, all parts of the vectors at once."""

import numpy as np

from tfdml.search.k_means import means, nearest

WARM_UP, POLISH = 20, 10  # steps of k-means before the first and after the last turn of the rotation


def alternate(z, subspaces, rotation, size, iterations, rng):
    """Rotation `(dim, dim)` and codebooks `(subspaces, size, dim / subspaces)` of centred rows `z`.

    In turn: a step of k-means in all sub-spaces, and the rotation that brings the points closest to their
    codewords, `U V^T` of `z^T y = U S V^T`. Neither makes the error larger.
    """
    parts = split(z @ rotation, subspaces)
    codebooks = np.stack([part[rng.choice(len(z), size, replace=False)] for part in parts])
    codes = nearest(parts, codebooks)
    for step in range(WARM_UP + iterations + POLISH):
        codebooks = means(parts, codes, codebooks)
        if WARM_UP <= step < WARM_UP + iterations:
            rotation = orthonormal(z.T @ joined(codewords(codes, codebooks)))
            parts = split(z @ rotation, subspaces)
        codes = nearest(parts, codebooks)
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
