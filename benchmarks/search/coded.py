"""Bytes a center in a classifier, of vectors and of codes."""

import numpy as np

BYTES = 8, 16, 32


def measure(gallery):
    """A row a kind of center: bytes of its variables that grow with the centers, and of those that do not."""
    from tfdml.layers import NNGKClassifier

    layer = NNGKClassifier(2, capacity=len(gallery))
    layer.build((None, gallery.shape[1]))
    layer.set_centers(gallery, np.arange(len(gallery)) % 2)
    yield row("vectors", layer)
    for number in BYTES:
        yield row(f"codes of {number} bytes", layer.compressed(bytes=number))


def row(name, layer):
    growing = fixed = 0
    for variable in layer.variables:
        size = int(np.prod(variable.shape)) * np.dtype(variable.dtype).itemsize
        if tuple(variable.shape)[:1] == (layer.capacity,):
            growing += size
        else:
            fixed += size
    return {"centers": name, "bytes_a_center": growing / layer.capacity, "fixed_bytes": fixed}
