"""What the indexes of other libraries share: how their answers become ours."""

import numpy as np
from keras import ops

from tfdml.search.exact import unit_rows
from tfdml.search.files import expect, expect_array
from tfdml.search.index import Index
from tfdml.search.neighbors import Neighbors

LEAST = 100  # rows that are compared by their vectors, however few are asked for


class OutsideIndex(Index):
    """An index of a library that no graph can hold: for training and evaluation.

    It numbers the rows that may be found from 0, and says which of the gallery they are. A subclass has
    `kind`, `_make`, `_refill`, `_vectors`, `_bytes`, `_search` and `_config`; they are not called while there
    is no such row.
    """

    in_graph = False
    query_tile = 16_384

    def __init__(self, distance):
        super().__init__(distance)
        self._rows = None

    @property
    def products(self):
        """Whether rows are compared by dot products, and not by squared distances."""
        return "euclidean" not in self.distance

    @property
    def memory(self):
        """Bytes that the index holds, as its library writes it."""
        self._check_built()
        return int(self._rows.nbytes + (self._bytes() if len(self._rows) else 0))

    def _build(self, gallery, active):
        vectors = self._as_vectors(gallery)
        rows = np.arange(len(vectors), dtype="int32")
        if active is not None:
            rows = rows[active]
            vectors = vectors[active]
        if len(rows):
            self._make(vectors)
        self._rows = rows

    def _update(self, indices, embeddings):
        embeddings = self._as_vectors(embeddings)
        if not len(self._rows):
            self._make(embeddings)
            self._rows = indices
            return
        kept = ~np.isin(self._rows, indices)
        self._refill(np.concatenate([self._vectors()[kept], embeddings]))
        self._rows = np.concatenate([self._rows[kept], indices])

    def _query(self, queries, k, exclude):
        count = len(self._rows)
        wanted = min(k + (exclude is not None), count)
        shape = len(queries), max(wanted, k)
        values, indices = np.zeros(shape, "float32"), np.full(shape, -1, "int32")
        if wanted and len(queries):
            found, places = self._search(self._as_vectors(queries), wanted)
            indices[:, :wanted] = np.where(places < 0, -1, self._rows[places])
            values[:, :wanted] = found
        if exclude is not None:
            indices[indices == exclude[:, None]] = -1
            # What is missing goes to the end; the rest stays in its order.
            order = np.argsort(indices < 0, axis=1, kind="stable")[:, :k]
            values, indices = (np.take_along_axis(x, order, axis=1) for x in (values, indices))
        return Neighbors(np.where(indices < 0, np.inf, self._as_distances(values)), indices)

    def _candidates(self, k):
        """How many rows that were found by their codes are compared by their vectors."""
        return max(self.refine * k, LEAST)

    def _as_vectors(self, x):
        if self.distance == "cosine":
            x = unit_rows(x)
        x = np.ascontiguousarray(ops.convert_to_numpy(x), "float32")
        if not np.isfinite(x).all():
            raise ValueError("Expected embeddings to be finite, received: NaN or infinity")
        return x

    def _as_distances(self, values):
        if self.distance == "euclidean":
            return np.sqrt(np.maximum(values, 0))
        if self.distance == "squared_euclidean":
            return np.maximum(values, 0)
        return 1 - values if self.distance == "cosine" else -values

    def _held(self):
        gallery, active = np.zeros((self.size, self.dim), "float32"), np.zeros(self.size, bool)
        if len(self._rows):
            gallery[self._rows] = self._vectors()
        active[self._rows] = True
        return gallery, active

    def _arrays(self):
        vectors = self._vectors() if len(self._rows) else np.zeros((0, self.dim), "float32")
        return {"vectors": vectors, "rows": self._rows}

    def _restore(self, arrays):
        rows = expect_array(arrays, "rows", ("int32",), (None,))
        fits = len(np.unique(rows)) == len(rows)
        fits = fits and (not len(rows) or 0 <= rows.min() <= rows.max() < self.size)
        expect(fits, "rows that are not in the gallery")
        vectors = expect_array(arrays, "vectors", ("float32",), (len(rows), self.dim))
        expect(np.isfinite(vectors).all(), "vectors that are not finite")
        if len(rows):
            self._remake(vectors, arrays)
        self._rows = rows

    def _remake(self, vectors, arrays):
        """Makes the library's index again of what `_arrays` gave."""
        self._make(vectors)
