"""Layers that hold state or shape an embedding."""

from tfdml.layers.cosine_head import CosineHead
from tfdml.layers.cross_batch_memory import CrossBatchMemory
from tfdml.layers.kernel_neuron import KernelNeuron
from tfdml.layers.nearest_neighbors_classifier import NearestNeighborsClassifier
from tfdml.layers.nngk_classifier import NNGKClassifier
from tfdml.layers.normalization import L2Normalization
from tfdml.layers.proxies import Proxies
from tfdml.layers.sampled_proxies import SampledProxies

__all__ = [
    "CosineHead",
    "CrossBatchMemory",
    "KernelNeuron",
    "L2Normalization",
    "NNGKClassifier",
    "NearestNeighborsClassifier",
    "Proxies",
    "SampledProxies",
]
