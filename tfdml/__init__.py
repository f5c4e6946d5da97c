"""Deep metric learning and nearest-neighbour classification for Keras 3."""

import importlib

from tfdml import callbacks, layers, losses, metrics, models, ops, search
from tfdml.version import __version__

# These read pictures, draw figures or write files, or are for a few: they are imported when first used.
_LATE = ("compat", "continual", "data", "experiment", "explain")

__all__ = [
    "__version__",
    "callbacks",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "search",
    *_LATE,
]


def __getattr__(name):
    if name in _LATE:
        return importlib.import_module(f"tfdml.{name}")
    raise AttributeError(f"module 'tfdml' has no attribute '{name}'")


def __dir__():
    return sorted(__all__)
