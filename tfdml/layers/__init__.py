"""Layers that hold state or shape an embedding."""

from tfdml.layers.cosine_head import CosineHead
from tfdml.layers.normalization import L2Normalization
from tfdml.layers.proxies import Proxies
from tfdml.layers.sampled_proxies import SampledProxies

__all__ = ["CosineHead", "L2Normalization", "Proxies", "SampledProxies"]
