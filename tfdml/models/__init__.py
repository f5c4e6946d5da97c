"""Backbones and the networks built on them."""
