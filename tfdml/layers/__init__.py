"""Layers that hold state or shape an embedding."""

from tfdml.layers.cosine_head import CosineHead
from tfdml.layers.cross_batch_memory import CrossBatchMemory
from tfdml.layers.normalization import L2Normalization
from tfdml.layers.proxies import Proxies
from tfdml.layers.sampled_proxies import SampledProxies

__all__ = ["CosineHead", "CrossBatchMemory", "L2Normalization", "Proxies", "SampledProxies"]
