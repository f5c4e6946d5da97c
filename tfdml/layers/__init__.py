"""Layers that hold state or shape an embedding."""
