"""A classifier by neighbours of a few centers, and queries to it."""

import numpy as np

from tfdml.layers import NNGKClassifier

RNG = np.random.default_rng(0)
CENTERS, LABELS = RNG.normal(size=(12, 4)).astype("float32"), np.arange(12) % 3
QUERIES = RNG.normal(size=(5, 4)).astype("float32")


def classifier(cls=NNGKClassifier, capacity=15, **arguments):
    layer = cls(num_classes=3, capacity=capacity, **{"neighbors": 5} | arguments)
    layer.build((None, 4))
    layer.set_centers(CENTERS, LABELS)
    return layer
