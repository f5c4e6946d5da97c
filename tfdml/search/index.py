"""What every index does: it takes a gallery, changes rows of it, answers, and goes to a file and back."""

import numpy as np
from keras import ops

from tfdml.search import files
from tfdml.search.exact import as_float, check
from tfdml.search.neighbors import Neighbors


class Index:
    """The interface that the indexes share; a subclass says how it holds a gallery and searches it.

    A subclass has `kind`, `_build`, `_update`, `_query`, `_held`, `_arrays`, `_config` and `_restore`.

    Attributes:
        kind: Its name in files and configurations.
        in_graph: Whether its search is of operations of Keras, and may be exported.
    """

    kind = None
    in_graph = True
    query_tile = 1024

    def __init__(self, distance):
        check(1, distance, self.query_tile)
        self.distance = distance
        self.size = self.dim = None

    def build(self, gallery, active=None):
        """Takes a gallery in place of what was there.

        Args:
            gallery: `(gallery, dim)`, neither of them 0.
            active: Booleans `(gallery,)`: which rows may be found. The others are kept free for `update`.
                Defaults to `None`: all.

        Returns:
            The index.
        """
        (gallery,) = as_float(gallery)
        if len(gallery.shape) != 2 or 0 in gallery.shape:
            raise ValueError(f"Expected gallery to be of shape (gallery, dim), received: {gallery.shape}")
        size, dim = map(int, gallery.shape)
        if active is not None:
            active = ops.convert_to_numpy(active).astype(bool)
            if active.shape != (size,):
                raise ValueError(f"Expected active to be of shape ({size},), received: {active.shape}")
        self._build(gallery, active)
        self.size, self.dim = size, dim
        return self

    def update(self, indices, embeddings):
        """Replaces some rows of the gallery, which may be found from then on.

        Args:
            indices: Integers `(rows,)`, places in the gallery; of one that comes twice the last counts.
            embeddings: `(rows, dim)`.

        Returns:
            The index.
        """
        self._check_built()
        (embeddings,) = as_float(embeddings)
        indices = np.asarray(ops.convert_to_numpy(indices))
        if indices.ndim != 1 or not (np.issubdtype(indices.dtype, np.integer) or indices.size == 0):
            raise ValueError(
                f"Expected indices to be integers (rows,), received: {indices.dtype} {indices.shape}"
            )
        if tuple(embeddings.shape) != (len(indices), self.dim):
            expected = len(indices), self.dim
            raise ValueError(f"Expected embeddings to be of shape {expected}, received: {embeddings.shape}")
        if len(indices) and not 0 <= indices.min() <= indices.max() < self.size:
            received = f"{indices.min()} to {indices.max()}"
            raise ValueError(f"Expected indices to be from 0 to {self.size - 1}, received: {received}")
        indices, last = np.unique(indices[::-1], return_index=True)
        if len(indices):
            self._update(indices.astype("int32"), ops.convert_to_numpy(embeddings)[::-1][last])
        return self

    def query(self, queries, k, exclude=None):
        """The nearest of the gallery to each query.

        Args:
            queries: `(queries, dim)`.
            k: Integer above 0. More than there is to find is cut to the size of the gallery, or to one less
                with `exclude`; where fewer rows are active, the rest is at distance infinity and index -1.
            exclude: Integers `(queries,)`: the one row that each query may not find, as itself; -1 for none.
                Defaults to `None`.

        Returns:
            `tfdml.search.Neighbors` of arrays `(queries, k)`.
        """
        self._check_built()
        check(k, self.distance, self.query_tile)
        (queries,) = as_float(queries)
        if len(queries.shape) != 2 or queries.shape[1] != self.dim:
            raise ValueError(
                f"Expected queries to be of shape (queries, {self.dim}), received: {queries.shape}"
            )
        if exclude is not None:
            exclude = ops.convert_to_numpy(exclude).astype("int32")
            if exclude.shape != (len(queries),):
                raise ValueError(
                    f"Expected exclude to be of shape ({len(queries)},), received: {exclude.shape}"
                )
        k = min(k, self.size - (exclude is not None))
        if k == 0:
            raise ValueError("Expected gallery to hold an item that exclude leaves, received: gallery of 1")
        found = []
        for start in range(0, max(len(queries), 1), self.query_tile):
            now = slice(start, start + self.query_tile)
            found.append(self._query(queries[now], k, None if exclude is None else exclude[now]))
        return (
            found[0] if len(found) == 1 else Neighbors(*(np.concatenate(x) for x in zip(*found, strict=True)))
        )

    def to(self, index):
        """Builds another index of what this one holds, such as one in graph that may be exported.

        Args:
            index: An index of the same distance, or of the other Euclidean one.

        Returns:
            `index`, built: the same rows in the same places, of which the same may be found. Rows for the
            cosine may have become unit vectors.
        """
        self._check_built()
        if not isinstance(index, Index):
            raise ValueError(f"Expected index to be an index of tfdml.search, received: {index!r}")
        if self.distance.removeprefix("squared_") != index.distance.removeprefix("squared_"):
            raise ValueError(
                f"Expected index to be by the distance {self.distance}, received: {index.distance}"
            )
        return index.build(*self._held())

    @property
    def memory(self):
        """Bytes that the index holds."""
        self._check_built()
        return sum(array.nbytes for array in self._arrays().values())

    def save(self, path):
        """Writes the index to a file, whole or not at all; `tfdml.search.load` reads it."""
        self._check_built()
        header = {
            "kind": self.kind,
            "distance": self.distance,
            "size": self.size,
            "dim": self.dim,
            "config": self._config(),
        }
        files.write(path, header, self._arrays())

    def _check_built(self):
        if self.size is None:
            raise ValueError("Expected an index with a gallery, received: one that was not built")
