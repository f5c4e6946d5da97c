"""Inverted lists of FAISS: of vectors, or of codes of four bits that are compared in registers."""

import numpy as np

from tfdml.search.files import expect, expect_array


class FaissLists:
    """How `tfdml.search.FAISS` makes, fills and keeps inverted lists.

    Args:
        faiss: The module.
        options: The index of ours, which has `kind`, `lists`, `probes`, `refine`, `seed`.
    """

    def __init__(self, faiss, options):
        self.faiss, self.options = faiss, options
        self.fast = options.structure == "fast_scan"

    def make(self, x):
        """A trained index that holds the rows of `x`."""
        lists = self.options.lists or int(np.ceil(2 * np.sqrt(len(x))))
        index = self._empty(x.shape[1], min(lists, len(x)))
        least = max(len(x), 16 if self.fast else 1)  # as many as there are codewords of four bits
        index.train(np.resize(x, (least, x.shape[1])))
        index.add(x)
        return index

    def arrays(self, index):
        """What training found."""
        inner = self.inner(index)
        found = {"centroids": inner.quantizer.reconstruct_n(0, inner.nlist)}
        if self.fast:
            found["codebooks"] = self.faiss.vector_to_array(inner.pq.centroids).reshape(inner.pq.M, 16, -1)
        return found

    def remake(self, x, arrays):
        """The index that `arrays` are of, with the rows of `x`."""
        dim = x.shape[1]
        centroids = expect_array(arrays, "centroids", ("float32",), (None, dim))
        expect(len(centroids) > 0 and np.isfinite(centroids).all(), "centroids that no training gives")
        index = self._empty(dim, len(centroids))
        inner = self.inner(index)
        inner.quantizer.add(centroids)
        if self.fast:
            shape = inner.pq.M, 16, dim // inner.pq.M
            codebooks = expect_array(arrays, "codebooks", ("float32",), shape)
            expect(np.isfinite(codebooks).all(), "codebooks that no training gives")
            self.faiss.copy_array_to_vector(codebooks.ravel(), inner.pq.centroids)
            inner.precompute_table()
        inner.is_trained = index.is_trained = True
        index.add(x)
        return index

    def search(self, index, queries, k):
        """Values and places of the `k` best rows."""
        inner = self.inner(index)
        inner.nprobe = min(self.options.probes, inner.nlist)
        if self.fast:
            index.k_factor = self.options._candidates(k) / k
        return index.search(queries, k)

    def vectors(self, index):
        """The rows as they were added."""
        held = index.refine_index if self.fast else index
        return held.reconstruct_n(0, index.ntotal)

    def inner(self, index):
        """The lists, without the vectors that refine what was found in them."""
        return self.faiss.downcast_index(index.base_index) if self.fast else index

    def _empty(self, dim, lists):
        faiss, metric = self.faiss, self.options.metric
        quantizer = faiss.IndexFlat(dim, metric)
        if self.fast:
            parts = dim // 2 if dim % 2 == 0 else dim
            inner = faiss.IndexIVFPQFastScan(quantizer, dim, lists, parts, 4, metric)
            inner.pq.cp.min_points_per_centroid, inner.pq.cp.seed = 1, self.options.seed
        else:
            inner = faiss.IndexIVFFlat(quantizer, dim, lists, metric)
        # It is told to be content with few points a list: it would only warn.
        inner.cp.min_points_per_centroid, inner.cp.seed = 1, self.options.seed
        return faiss.IndexRefineFlat(inner) if self.fast else inner
