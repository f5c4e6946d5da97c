"""Nearest-neighbour search."""

from tfdml.search.exact import nearest_neighbors
from tfdml.search.exact_index import Exact
from tfdml.search.loading import load
from tfdml.search.neighbors import Neighbors
from tfdml.search.opq import OPQ
from tfdml.search.quantization import asymmetric_distances, quantized_neighbors

__all__ = [
    "OPQ",
    "Exact",
    "Neighbors",
    "asymmetric_distances",
    "load",
    "nearest_neighbors",
    "quantized_neighbors",
]
