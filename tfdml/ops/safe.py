"""Square roots, norms and precision, guarded where their gradients or sums would break."""

import keras
import numpy as np
from keras import ops


def at_least_float32(x):
    """`x` as a tensor of float32, or of float64 if it is one: what reductions are computed in."""
    x = ops.convert_to_tensor(x)
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))


def machine_epsilon(x):
    """The spacing of floating-point numbers at 1 in the dtype of `x`, a float32 or float64 tensor."""
    return float(np.finfo(keras.backend.standardize_dtype(x.dtype)).eps)


def safe_sqrt(x, above=None):
    """Square root of what is above 0, and 0 elsewhere, with a gradient of 0 there.

    Args:
        x: Tensor of any shape.
        above: Boolean mask of the same shape, if it is known already where `x` counts as above 0; `x` must
            be above 0 there. Defaults to `None`: it is found here.

    Example:

    >>> keras.ops.convert_to_numpy(tfdml.ops.safe_sqrt([4.0, 0.0, -1.0])).tolist()
    [2.0, 0.0, 0.0]
    """
    x = ops.convert_to_tensor(x)
    above = x > 0 if above is None else above
    # Both branches of `where` are differentiated: sqrt must never see the zero.
    return ops.where(above, ops.sqrt(ops.where(above, x, 1)), 0)


def safe_norm(x, axis=-1, keepdims=False):
    """Euclidean norm along `axis`, with a gradient of 0 at the zero vector."""
    return safe_sqrt(ops.sum(ops.square(x), axis=axis, keepdims=keepdims))


def l2_normalize(x, axis=-1):
    """`x` scaled to norm 1 along `axis`; a zero vector (below 1e-12) becomes zero, with a gradient of 0.

    Example:

    >>> keras.ops.convert_to_numpy(tfdml.ops.l2_normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))).round(3)
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    x = ops.convert_to_tensor(x)
    # By the largest entry first: the square of 1e30 or of 1e-30 leaves the range of float32.
    largest = ops.stop_gradient(ops.max(ops.abs(x), axis=axis, keepdims=True))
    usable = largest > 1e-12
    x = x / ops.where(usable, largest, 1)
    norm = safe_norm(x, axis=axis, keepdims=True)
    return ops.where(usable, x / ops.where(usable, norm, 1), 0)
