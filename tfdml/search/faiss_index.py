"""Indexes of FAISS: inverted lists, fast scans of short codes, and a graph."""

import numpy as np

from tfdml.checks import check_count
from tfdml.search.extras import require
from tfdml.search.faiss_graph import FaissGraph
from tfdml.search.faiss_lists import FaissLists
from tfdml.search.outside import OutsideIndex

STRUCTURES = {"ivf": FaissLists, "fast_scan": FaissLists, "hnsw": FaissGraph}


class FAISS(OutsideIndex):
    """An approximate index of FAISS, many times faster than a search in graph, and never exported.

    It comes with `pip install tfdml[faiss]`. All kinds hold the vectors, and distances are those to them.
    `update` keeps what `"ivf"` and `"fast_scan"` have trained and fills it anew; the graph of `"hnsw"` is
    built anew. A file of `save` holds plain arrays, and `tfdml.search.load` fills an index with them: nothing
    of FAISS's own format is read.

    Args:
        kind: `"ivf"`: lists by k-means, of which a query reads the nearest few; `"fast_scan"`: the same on
            codes of two bits a dimension, and then the vectors of the best; `"hnsw"`: a graph of near
            neighbours that a query walks along. Defaults to `"ivf"`.
        lists: Integer above 0, of `"ivf"` and `"fast_scan"`. Defaults to `None`: twice the root of the number
            of active rows.
        probes: Integer above 0, of `"ivf"` and `"fast_scan"`: lists that a query reads. More finds more and
            takes longer, here and in the next two; all three may be changed after `build`. Defaults to `16`.
        refine: Integer above 0, of `"fast_scan"`: times as many as are asked for are compared by their
            vectors, and 100 at least. Defaults to `4`.
        effort: Integer above 0, of `"hnsw"`: candidates that are kept on the walk, or as many as are asked
            for if they are more. Defaults to `64`.
        links: Integer above 1, of `"hnsw"`: neighbours that a row is linked to, `8 · links` bytes of it.
            Defaults to `16`.
        distance: As in `tfdml.search.nearest_neighbors`. Defaults to `"euclidean"`.
        seed: Integer, of the k-means. Defaults to `0`.

    Example:

    >>> gallery = np.random.default_rng(0).normal(size=(1000, 2))
    >>> index = tfdml.search.FAISS("hnsw").build(gallery)
    >>> index.query(gallery[5:6], k=1).indices.tolist()
    [[5]]
    >>> index.to(tfdml.search.Exact()).query(gallery[5:6], k=1).indices.tolist()
    [[5]]

    Reference:
        Douze et al., "The Faiss library", 2024; Malkov and Yashunin, "Efficient and Robust Approximate
        Nearest Neighbor Search Using Hierarchical Navigable Small World Graphs", TPAMI 2020.
    """

    kind = "faiss"

    def __init__(
        self,
        kind="ivf",
        lists=None,
        probes=16,
        refine=4,
        effort=64,
        links=16,
        distance="euclidean",
        seed=0,
    ):
        super().__init__(distance)
        if kind not in STRUCTURES:
            raise ValueError(f"Expected kind to be one of {', '.join(STRUCTURES)}, received: {kind!r}")
        self.structure = kind
        self.lists = None if lists is None else check_count("lists", lists)
        self.probes, self.refine = check_count("probes", probes), check_count("refine", refine)
        self.effort, self.links = check_count("effort", effort), check_count("links", links, least=2)
        self.seed = check_count("seed", seed, least=0)
        self._faiss = require("faiss", "faiss", "FAISS")
        self._parts = STRUCTURES[kind](self._faiss, self)
        self._index = None

    @property
    def metric(self):
        """What FAISS calls the distance."""
        return self._faiss.METRIC_INNER_PRODUCT if self.products else self._faiss.METRIC_L2

    def _make(self, vectors):
        self._index = self._parts.make(vectors)

    def _refill(self, vectors):
        self._index.reset()
        self._index.add(vectors)

    def _vectors(self):
        return self._parts.vectors(self._index)

    def _bytes(self):
        return self._faiss.serialize_index(self._index).nbytes

    def _search(self, queries, k):
        values, places = self._parts.search(self._index, queries, k)
        return values, places.astype("int32")

    def _config(self):
        config = {n: getattr(self, n) for n in ("lists", "probes", "refine", "effort", "links", "seed")}
        return {"kind": self.structure, **config}

    def _arrays(self):
        trained = self._parts.arrays(self._index) if len(self._rows) else {}
        return {**super()._arrays(), **{name: np.ascontiguousarray(x) for name, x in trained.items()}}

    def _remake(self, vectors, arrays):
        self._index = self._parts.remake(vectors, arrays)
