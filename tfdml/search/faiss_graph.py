"""The graph of FAISS: each row is linked to near ones, and a search walks along the links (HNSW)."""

import numpy as np

from tfdml.search.files import expect, expect_array


class FaissGraph:
    """How `tfdml.search.FAISS` makes, fills and keeps a hierarchical navigable small world.

    Args:
        faiss: The module.
        options: The index of ours, which has `links`, `effort`.
    """

    BUILDING = 100  # candidates for the links of a new row

    def __init__(self, faiss, options):
        self.faiss, self.options = faiss, options

    def make(self, x):
        """An index that holds the rows of `x`."""
        index = self._empty(x.shape[1])
        index.add(x)
        return index

    def arrays(self, index):
        """The graph: on how many levels each row is, its links on all of them, and where a search begins."""
        graph = index.hnsw
        levels, links = (self.faiss.vector_to_array(x) for x in (graph.levels, graph.neighbors))
        return {"levels": levels, "links": links, "entry": np.array([graph.entry_point], "int32")}

    def remake(self, x, arrays):
        """The index that `arrays` are of, with the rows of `x`; a walk must not leave the graph."""
        index = self._empty(x.shape[1])
        room = self.faiss.vector_to_array(index.hnsw.cum_nneighbor_per_level).astype("int64")
        levels = expect_array(arrays, "levels", ("int32",), (len(x),))
        expect(levels.min() >= 1 and levels.max() < len(room), "levels that there are not")
        offsets = np.concatenate([[0], np.cumsum(room[levels])])
        links = expect_array(arrays, "links", ("int32",), (int(offsets[-1]),))
        entry = int(expect_array(arrays, "entry", ("int32",), (1,))[0])
        expect(0 <= entry < len(x) and levels[entry] == levels.max(), "an entry that is not at the top")
        expect(links.min() >= -1 and links.max() < len(x), "links to rows that there are not")
        place = np.arange(len(links)) - np.repeat(offsets[:-1], np.diff(offsets))
        level = np.searchsorted(room, place, side="right") - 1
        expect((levels[links] > level)[links >= 0].all(), "links to rows on other levels")
        index.storage.add(x)
        index.ntotal = len(x)
        copy = self.faiss.copy_array_to_vector
        copy(levels, index.hnsw.levels)
        copy(links, index.hnsw.neighbors)
        copy(offsets.astype("uint64"), index.hnsw.offsets)
        index.hnsw.entry_point, index.hnsw.max_level = entry, int(levels.max()) - 1
        return index

    def search(self, index, queries, k):
        """Values and places of the `k` best rows."""
        index.hnsw.efSearch = max(self.options.effort, k)
        return index.search(queries, k)

    def vectors(self, index):
        """The rows as they were added."""
        return index.reconstruct_n(0, index.ntotal)

    def _empty(self, dim):
        index = self.faiss.IndexHNSWFlat(dim, self.options.links, self.options.metric)
        index.hnsw.efConstruction = self.BUILDING
        return index
