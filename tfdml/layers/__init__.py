"""Layers that hold state or shape an embedding."""

from tfdml.layers.normalization import L2Normalization

__all__ = ["L2Normalization"]
