"""Checks of what is stored in classifiers by neighbours."""

import keras
import numpy as np
from keras import ops

from tfdml.checks import check_count
from tfdml.ops import at_least_float32

LARGEST = 1e15  # of an embedding's entries: products of larger ones leave the range of float32


def known(x):
    """`x` as an array where its values are known; `None` while a graph is traced."""
    if isinstance(x, keras.KerasTensor):
        return None
    try:
        return np.asarray(ops.convert_to_numpy(x))
    except (NotImplementedError, TypeError):  # a symbol of TensorFlow or Torch, one of JAX
        return None


def as_queries(x):
    """Embeddings of float32 at least, their entries cut to 1e15."""
    return ops.clip(at_least_float32(x), -LARGEST, LARGEST)


def check_embeddings(embeddings, dim, capacity):
    """Embeddings as an array `(samples, dim)`, float32 at least, all finite, as many as there is room for."""
    embeddings = np.asarray(ops.convert_to_numpy(at_least_float32(embeddings)))
    if embeddings.ndim != 2 or embeddings.shape[1] != dim:
        raise ValueError(f"Expected embeddings to be of shape (samples, {dim}), received: {embeddings.shape}")
    if len(embeddings) > capacity:
        raise ValueError(f"Expected at most {capacity} embeddings, the capacity, received: {len(embeddings)}")
    if not np.isfinite(embeddings).all():
        raise ValueError("Expected embeddings to be finite, received: NaN or infinity")
    return np.clip(embeddings, -LARGEST, LARGEST)


def check_labels(labels, count, num_classes):
    """Labels as an array of integers `(count,)`."""
    labels = np.asarray(ops.convert_to_numpy(labels))
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.shape != (count,) or not (np.issubdtype(labels.dtype, np.integer) or count == 0):
        raise ValueError(
            f"Expected labels to be integers of shape ({count},), received: {labels.dtype} of shape "
            f"{labels.shape}"
        )
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"Expected labels to be from 0 to {num_classes - 1}, received: {labels.min()} to {labels.max()}"
        )
    return labels.astype("int32")


def check_targets(targets, count, num_classes):
    """Distributions as an array `(count, num_classes)` whose rows sum to 1; integers become one-hot rows."""
    targets = np.asarray(ops.convert_to_numpy(targets))
    if np.issubdtype(targets.dtype, np.integer) and targets.shape in ((count,), (count, 1)):
        labels = check_labels(targets, count, num_classes)
        return (labels[:, None] == np.arange(num_classes)).astype("float32")
    if targets.shape != (count, num_classes):
        raise ValueError(
            f"Expected targets to be of shape ({count}, {num_classes}), received: {targets.shape}"
        )
    targets = targets.astype("float64")
    sums = targets.sum(axis=1)
    if not np.isfinite(targets).all() or (targets < 0).any() or (abs(sums - 1) > 1e-4).any():
        worst = sums[np.argmax(abs(sums - 1))] if len(sums) and np.isfinite(sums).all() else "NaN"
        least = targets.min() if targets.size else 0
        raise ValueError(
            "Expected targets to be distributions, of at least 0 and with the sum 1, received: "
            f"a smallest of {least:g}, a sum of {worst}"
        )
    return targets / sums[:, None]


def check_slots(index, capacity, count=None):
    """Slots as an array of integers, each once."""
    index = np.asarray(ops.convert_to_numpy(index))
    count = index.size if count is None else count
    if index.shape != (count,) or not (np.issubdtype(index.dtype, np.integer) or count == 0):
        raise ValueError(
            f"Expected index to be integers of shape ({count},), received: {index.dtype} of shape "
            f"{index.shape}"
        )
    check_range(index, 0, capacity)
    if len(np.unique(index)) != len(index):
        raise ValueError("Expected index to name each slot once, received: some of them twice")
    return index.astype("int32")


def check_range(index, least, capacity):
    """Refuses slots that there are not."""
    if index.size and (index.min() < least or index.max() >= capacity):
        raise ValueError(
            f"Expected index to be from {least} to {capacity - 1}, the capacity less one, received: "
            f"{index.min()} to {index.max()}"
        )


def check_compression(compression):
    """`None`, or a dictionary with `bytes` and perhaps `dim`."""
    if compression is None:
        return None
    given = compression if isinstance(compression, dict) else {"bytes": compression}
    if "bytes" not in given or not set(given) <= {"bytes", "dim"}:
        raise ValueError(f"Expected compression to have bytes and dim, received: {compression!r}")
    checked = {name: check_count(f"compression {name}", value) for name, value in given.items()}
    if checked.get("dim", 0) % checked["bytes"]:
        raise ValueError(f"Expected compression dim to be a multiple of its bytes, received: {compression!r}")
    return checked
