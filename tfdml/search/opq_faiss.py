"""Training of `tfdml.search.OPQ` by FAISS."""

import numpy as np


def train_with_faiss(z, subspaces, rotation, size, iterations, rng):
    """As `opq_steps.alternate`, by `faiss.OPQMatrix` from the same start and `faiss.ProductQuantizer`."""
    import faiss

    dim, bits = z.shape[1], size.bit_length() - 1
    quantizer = faiss.ProductQuantizer(dim, subspaces, bits)
    seed = int(rng.integers(2**31 - 1))
    # It is told to be content with few points a codeword: it would only warn.
    quantizer.cp.seed, quantizer.cp.min_points_per_centroid = seed, 1
    if iterations:
        turn = faiss.OPQMatrix(dim, subspaces, dim)
        turn.niter, turn.pq = iterations, quantizer
        faiss.copy_array_to_vector(np.ascontiguousarray(rotation.T).ravel(), turn.A)
        turn.train(z)
        rotation = faiss.vector_to_array(turn.A).reshape(dim, dim).T.copy()
    last = faiss.ProductQuantizer(dim, subspaces, bits)
    last.cp.seed, last.cp.min_points_per_centroid = seed, 1
    last.train(np.ascontiguousarray(z @ rotation))
    codebooks = faiss.vector_to_array(last.centroids).reshape(subspaces, size, dim // subspaces)
    return rotation, codebooks
