"""The index of inverted lists that is searched in graph."""

import math

import numpy as np
from keras import ops

from tfdml.checks import check_count
from tfdml.search import ivf_lists
from tfdml.search.exact import unit_rows
from tfdml.search.files import expect, expect_array
from tfdml.search.index import Index
from tfdml.search.ivf import IVFState, ivf_neighbors
from tfdml.search.neighbors import Neighbors


class IVF(Index):
    """An approximate index in graph: lists by k-means, of which a query reads the nearest few.

    It needs nothing but Keras, and what it answers with, `tfdml.search.ivf_neighbors`, can be exported.
    `update` keeps the centroids and moves rows to the lists they now belong to; where a whole gallery has
    become another one, `build` finds better ones.

    Args:
        lists: Integer above 0. Defaults to `None`: twice the root of the number of active rows.
        probes: Integer above 0: lists of average length that a query reads. More finds more and takes longer.
            Defaults to `8`.
        distance: As in `tfdml.search.nearest_neighbors`. Defaults to `"euclidean"`.
        seed: Integer, of the k-means. Defaults to `0`.
        query_tile: Queries that are answered at a time. Defaults to `256`.

    Example:

    >>> gallery = np.random.default_rng(0).normal(size=(1000, 2))
    >>> index = tfdml.search.IVF(distance="cosine").build(gallery)
    >>> index.query(gallery[5:6], k=1).indices.tolist()
    [[5]]
    """

    kind = "ivf"

    def __init__(self, lists=None, probes=8, distance="euclidean", seed=0, query_tile=256):
        super().__init__(distance)
        self.lists = None if lists is None else check_count("lists", lists)
        self.probes, self.query_tile = check_count("probes", probes), check_count("query_tile", query_tile)
        self.seed = check_count("seed", seed, least=0)
        self.state = None

    def _build(self, gallery, active):
        if self.distance == "cosine":
            gallery = unit_rows(gallery)
        vectors = ops.convert_to_numpy(gallery).astype("float32")
        rows = np.arange(len(vectors)) if active is None else np.flatnonzero(active)
        lists = self.lists or math.ceil(2 * math.sqrt(max(len(rows), 1)))
        found = vectors[rows] if len(rows) else np.zeros((1, vectors.shape[1]), "float32")
        centroids = ivf_lists.train(found, lists, self.distance == "cosine", np.random.default_rng(self.seed))
        mine = np.full(len(vectors), lists, "int32")
        mine[rows] = ivf_lists.nearest(vectors[rows], centroids)
        self._arrange(vectors, mine, centroids)

    def _arrange(self, vectors, lists, centroids):
        """Makes the state of rows and their lists, both in the order of the gallery."""
        ids = np.argsort(lists, kind="stable").astype("int32")
        starts = np.searchsorted(lists[ids], np.arange(len(centroids) + 1)).astype("int32")
        vectors = vectors[ids]
        offsets = np.zeros(len(ids), "float32")
        if "euclidean" in self.distance:
            offsets = np.einsum("nd,nd->n", vectors, vectors) / 2
        self.state = IVFState(*map(ops.convert_to_tensor, (centroids, starts, vectors, offsets, ids)))

    def _update(self, indices, embeddings):
        vectors, lists = self._in_order()
        centroids = ops.convert_to_numpy(self.state.centroids)
        if self.distance == "cosine":
            embeddings = ops.convert_to_numpy(unit_rows(embeddings))
        vectors[indices], lists[indices] = embeddings, ivf_lists.nearest(embeddings, centroids)
        self._arrange(vectors, lists, centroids)

    def _in_order(self):
        """Rows and their lists in the order of the gallery; rows that are not active have one list more."""
        _, starts, sorted_vectors, _, ids = map(ops.convert_to_numpy, self.state)
        vectors, lists = np.empty_like(sorted_vectors), np.empty_like(ids)
        vectors[ids], lists[ids] = sorted_vectors, np.searchsorted(starts, np.arange(len(ids)), "right") - 1
        return vectors, lists

    def _held(self):
        vectors, lists = self._in_order()
        return vectors, lists < len(self.state.centroids)

    def _query(self, queries, k, exclude):
        found = ivf_neighbors(
            queries, self.state, k, probes=self.probes, distance=self.distance, exclude=exclude
        )
        return Neighbors(*(ops.convert_to_numpy(x) for x in found))

    def _config(self):
        return {name: getattr(self, name) for name in ("lists", "probes", "seed", "query_tile")}

    def _arrays(self):
        return {n: np.asarray(ops.convert_to_numpy(x)) for n, x in self.state._asdict().items()}

    def _restore(self, arrays):
        shapes = (None, self.dim), (None,), (self.size, self.dim), (self.size,), (self.size,)
        types = "float32", "int32", "float32", "float32", "int32"
        state = [
            expect_array(arrays, name, (dtype,), shape)
            for name, dtype, shape in zip(IVFState._fields, types, shapes, strict=True)
        ]
        centroids, starts, *_, ids = state
        expect(len(centroids) > 0 and len(starts) == len(centroids) + 1, "starts of other lists")
        expect(
            starts[0] == 0 and starts[-1] <= self.size and (np.diff(starts) >= 0).all(), "starts in disorder"
        )
        expect((np.sort(ids) == np.arange(self.size)).all(), "ids that are no permutation")
        self.state = IVFState(*(ops.convert_to_tensor(x) for x in state))
