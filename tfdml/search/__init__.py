"""Nearest-neighbour search."""

from tfdml.search.exact import nearest_neighbors
from tfdml.search.exact_index import Exact
from tfdml.search.loading import load
from tfdml.search.neighbors import Neighbors

__all__ = ["Exact", "Neighbors", "load", "nearest_neighbors"]
