"""Nearest-neighbour search."""

from tfdml.search.exact import nearest_neighbors
from tfdml.search.exact_index import Exact
from tfdml.search.ivf import IVFState, ivf_neighbors
from tfdml.search.ivf_index import IVF
from tfdml.search.loading import load
from tfdml.search.neighbors import Neighbors
from tfdml.search.opq import OPQ
from tfdml.search.quantization import asymmetric_distances, quantized_neighbors

__all__ = [
    "IVF",
    "OPQ",
    "Exact",
    "IVFState",
    "Neighbors",
    "asymmetric_distances",
    "ivf_neighbors",
    "load",
    "nearest_neighbors",
    "quantized_neighbors",
]
