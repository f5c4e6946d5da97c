"""The batches that all sides get."""

import numpy as np

from benchmarks.losses.cases import DIM, PER_CLASS, SLOTS


def batch(size, seed=0):
    """Labels, four samples a class, and embeddings of norm 1; cosines within a class are about a half."""
    rng = np.random.default_rng([size, seed])
    labels = np.arange(size) // PER_CLASS
    return labels, _unit(
        _unit(rng.normal(size=(labels[-1] + 1, DIM)))[labels] + _unit(rng.normal(size=(size, DIM)))
    )


def _unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("float32")


def stream(size):
    """Labels and embeddings, batch after batch without end; what a memory holds of an anchor's class is four.

    An epoch is three quarters of the memory. So these four are there yet, whether the memory takes the batch
    before it is read, as the peer's does, or afterwards.
    """
    batches = max(1, SLOTS * 3 // 4 // size)
    labels, embeddings = batch(batches * size)
    while True:
        for start in range(0, batches * size, size):
            yield labels[start : start + size], embeddings[start : start + size]


def half(array):
    """The second sample of every two, as the first is."""
    return array[::2], array[1::2]
