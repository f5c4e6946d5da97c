"""A table of the neighbours of stored samples, by an index outside the graph: what training looks up."""

import numpy as np
from keras import ops

from tfdml.search.exact import differences
from tfdml.search.index import Index
from tfdml.search.loading import KINDS


def check_search(search):
    """`search`, an index or what `index_config` gives of one."""
    if search is None or isinstance(search, dict):
        return search
    if not isinstance(search, Index):
        raise ValueError(f"Expected search to be None or an index of tfdml.search, received: {search!r}")
    if "euclidean" not in search.distance:
        raise ValueError(f"Expected search to be by Euclidean distance, received: {search.distance!r}")
    return search


def index_config(search):
    """What stands for an index in a configuration: its kind and its arguments."""
    if search is None or isinstance(search, dict):
        return search
    return {"kind": search.kind, "distance": search.distance, "config": search._config()}


class NeighborTable:
    """What a classifier needs to train with neighbours that were found at the last refresh.

    It goes before `Centers` among the bases of a layer, which sets `search`.
    """

    @property
    def searches_outside(self):
        """Whether the neighbours of training are found by an index that no graph holds, and no export."""
        return self.search is not None and not kind_of(self.search).in_graph

    def build_table(self):
        if self.search is not None:
            self.state("table", (self.capacity, self.neighbors), "int32", initializer=minus_one)

    def renew_table(self, embeddings=None, index=None):
        """Finds the neighbours of stored samples anew, by the index outside the graph.

        Args:
            embeddings: What samples are now, `(samples, dim)`. Defaults to `None`: their centers.
            index: Their slots `(samples,)`.
        """
        active, centers = self.array("active"), self.stored()
        table = np.full((self.capacity, self.neighbors), -1, "int32")
        if embeddings is None:
            index = np.flatnonzero(active)
            embeddings = centers[index]
        if active.any() and self.capacity > 1 and len(index):
            self._open().build(centers, active=active)
            found = self.search.query(embeddings, self.neighbors, exclude=index).indices
            table[index, : found.shape[1]] = found
        self.table.assign(table)

    def look_up(self, embeddings, own, possible):
        """What `find` gives, of the neighbours in the table."""
        slots = ops.take(self.table, ops.where(own >= 0, own, 0), axis=0)
        # A center that was dropped since is no neighbour, and nobody is their own in whatever table.
        valid = (slots >= 0) & (slots != own[:, None]) & (possible & (own >= 0))[:, None]
        slots = ops.where(valid, slots, 0)
        valid = valid & ops.take(self.active, slots)
        distances = differences(embeddings, self.at(slots), "squared_euclidean")
        return ops.where(valid, distances, 0), slots, valid

    def _open(self):
        """The index, made of its configuration when it is wanted first: a loaded model may do without."""
        if isinstance(self.search, dict):
            self.search = kind_of(self.search)(distance=self.search["distance"], **self.search["config"])
        return self.search


def kind_of(search):
    """The class of an index, or of what `index_config` gave of one."""
    if not isinstance(search, dict):
        return type(search)
    kind = search["kind"]
    if kind not in KINDS:
        raise ValueError(f"Expected search to be of a kind that is known, received: {kind!r}")
    return KINDS[kind]


def minus_one(shape, dtype=None):
    """The initial table: no neighbours."""
    return -ops.ones(shape, dtype)
