"""Nearest-neighbour search."""

from tfdml.search.exact import nearest_neighbors
from tfdml.search.exact_index import Exact
from tfdml.search.faiss_index import FAISS
from tfdml.search.ivf import IVFState, ivf_neighbors
from tfdml.search.ivf_index import IVF
from tfdml.search.loading import load
from tfdml.search.neighbors import Neighbors
from tfdml.search.opq import OPQ
from tfdml.search.quantization import asymmetric_distances, quantized_neighbors
from tfdml.search.scann_index import ScaNN

__all__ = [
    "FAISS",
    "IVF",
    "OPQ",
    "Exact",
    "IVFState",
    "Neighbors",
    "ScaNN",
    "asymmetric_distances",
    "ivf_neighbors",
    "load",
    "nearest_neighbors",
    "quantized_neighbors",
]
