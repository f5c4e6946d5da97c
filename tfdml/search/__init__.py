"""Nearest-neighbour search."""

from tfdml.search.exact import Exact, nearest_neighbors

__all__ = ["Exact", "nearest_neighbors"]
