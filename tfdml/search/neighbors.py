"""What a search answers with."""

from typing import Any, NamedTuple


class Neighbors(NamedTuple):
    """Nearest neighbours, nearest first; unpacks in two.

    Args:
        distances: `(queries, k)`, float32 at least; infinity where nothing was found.
        indices: `(queries, k)`, int32, places in the gallery; -1 where nothing was found.

    Example:

    >>> found = tfdml.search.nearest_neighbors(np.ones((1, 2)), np.eye(2), k=1, distance="dot")
    >>> distances, indices = found
    >>> indices is found.indices
    True
    """

    distances: Any
    indices: Any
