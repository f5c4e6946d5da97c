"""The exact index."""

import numpy as np
from keras import ops

from tfdml.checks import check_count
from tfdml.search.exact import halved_squares, nearest_neighbors
from tfdml.search.files import expect_array
from tfdml.search.index import Index
from tfdml.search.neighbors import Neighbors


class Exact(Index):
    """An exact index: it holds a gallery and answers with `tfdml.search.nearest_neighbors`.

    Args:
        distance: As in `tfdml.search.nearest_neighbors`. Defaults to `"euclidean"`.
        tile: Gallery items that are compared at a time. Defaults to `8192`.
        query_tile: Queries that are answered at a time. Defaults to `1024`.

    Example:

    >>> index = tfdml.search.Exact().build(np.array([[0.0], [1.0], [3.0]]))
    >>> distances, indices = index.query(np.array([[0.75], [9.0]]), k=2)
    >>> distances.tolist(), indices.tolist()
    ([[0.25, 0.75], [6.0, 8.0]], [[1, 0], [2, 1]])
    >>> index.update([0], np.array([[8.0]])).query(np.array([[9.0]]), k=1).indices.tolist()
    [[0]]
    """

    kind = "exact"

    def __init__(self, distance="euclidean", tile=8192, query_tile=1024):
        super().__init__(distance)
        self.tile, self.query_tile = check_count("tile", tile), check_count("query_tile", query_tile)
        self.gallery = self.active = self.half_squares = None
        self._euclidean = "euclidean" in self.distance

    @property
    def memory(self):
        """Bytes that the index holds."""
        return super().memory + (ops.convert_to_numpy(self.half_squares).nbytes if self._euclidean else 0)

    def _build(self, gallery, active):
        self.gallery = gallery
        self.active = None if active is None else ops.convert_to_tensor(active)
        self.half_squares = halved_squares(gallery) if self._euclidean else None

    def _update(self, indices, embeddings):
        places = ops.convert_to_tensor(indices[:, None])
        embeddings = ops.cast(ops.convert_to_tensor(embeddings), self.gallery.dtype)
        self.gallery = ops.scatter_update(self.gallery, places, embeddings)
        if self._euclidean:
            halves = halved_squares(embeddings)
            self.half_squares = ops.scatter_update(self.half_squares, places, halves)
        if self.active is not None:
            self.active = ops.scatter_update(self.active, places, ops.ones(len(indices), "bool"))

    def _query(self, queries, k, exclude):
        found = nearest_neighbors(
            queries,
            self.gallery,
            k,
            distance=self.distance,
            exclude=exclude,
            active=self.active,
            tile=self.tile,
            half_squares=self.half_squares,
        )
        return Neighbors(*(ops.convert_to_numpy(x) for x in found))

    def _held(self):
        return self.gallery, self.active

    def _config(self):
        return {"tile": self.tile, "query_tile": self.query_tile}

    def _arrays(self):
        arrays = {"gallery": self.gallery} | ({} if self.active is None else {"active": self.active})
        return {name: np.asarray(ops.convert_to_numpy(x)) for name, x in arrays.items()}

    def _restore(self, arrays):
        gallery = expect_array(arrays, "gallery", ("float32", "float64"), (self.size, self.dim))
        active = expect_array(arrays, "active", ("bool",), (self.size,)) if "active" in arrays else None
        self._build(ops.convert_to_tensor(gallery), active)
