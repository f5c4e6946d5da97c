"""An NNGK classifier of a few centers, and queries to it."""

import numpy as np

from tfdml.layers import NNGKClassifier

RNG = np.random.default_rng(0)
CENTERS, LABELS = RNG.normal(size=(12, 3)).astype("float32"), np.arange(12) % 3
QUERIES = RNG.normal(size=(5, 3)).astype("float32")


def classifier(stored=CENTERS, labels=LABELS, log_weights=None, num_classes=3, capacity=15, **arguments):
    layer = NNGKClassifier(num_classes, capacity=capacity, **{"neighbors": 5, "bandwidth": 0.8} | arguments)
    layer.build((None, np.shape(stored)[1]))
    layer.set_centers(stored, labels)
    if log_weights is not None:
        layer.write(np.arange(len(log_weights)), log_weights=log_weights)
    return layer
