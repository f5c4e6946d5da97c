"""What metrics accept as embeddings and labels, brought to NumPy arrays of one form."""

import keras
import numpy as np


def embedding_array(values, name="embeddings"):
    """Finite float32 `(samples, dim)` from an array or a tensor of any backend."""
    values = np.asarray(keras.ops.convert_to_numpy(values))
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"Expected {name} to be of shape (samples, dim), received: shape {values.shape}")
    # Float16 and bfloat16 know no sums of many terms; float64 beyond the range of float32 is scaled into it.
    values = values.astype("float64" if values.dtype == np.float64 else "float32", copy=False)
    broken = len(values) - np.count_nonzero(np.isfinite(values).all(axis=1))
    if broken:
        raise ValueError(
            f"Expected {name} to be finite, received: {broken} of {len(values)} rows with NaN or infinity"
        )
    return values


def label_array(values, samples, name="labels"):
    """Labels `(samples,)` from `(samples,)`, `(samples, 1)` or one-hot rows; any type that NumPy can sort."""
    values = np.asarray(values if isinstance(values, list | tuple) else keras.ops.convert_to_numpy(values))
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    elif values.ndim == 2 and is_one_hot(values):
        values = values.argmax(axis=1)
    if values.ndim != 1:
        raise ValueError(
            f"Expected {name} to be of shape (samples,), (samples, 1) or one-hot rows, "
            f"received: shape {values.shape}"
        )
    if len(values) != samples:
        raise ValueError(f"Expected {name} to be one for each of {samples} samples, received: {len(values)}")
    return values


def is_one_hot(rows):
    """Whether each row has a single 1 among zeros."""
    return bool(((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all())
