"""How one center bears on predictions nearby, and labels of its neighbours that make up for it."""

import math

from keras import ops

from tfdml.ops.log_sum_exp import log_sum_exp
from tfdml.ops.safe import at_least_float32

# Cut of the logarithm of a ratio of kernels: where a new center is all there is, it has any ratio.
LARGEST = 60.0
ROUNDING = 1e-6  # below zero by so much an entry is no distribution's, and not what rounding left


def influence(log_kernel, log_kernels, valid, target, predictions, epsilon=0.0):
    """Change of predicted distributions by a center that is given some weight, per weight.

    With `epsilon=0` it is the derivative: how a prediction begins to change as a center appears. Else it is
    the difference, divided by `epsilon`: with `epsilon=1` what the whole center adds to a prediction,
    exactly.

    Args:
        log_kernel: `(points,)`: logarithm of the kernel of the center at each point, times the weight that
            the center has or will have: `log_gaussian(d²) + ω`.
        log_kernels: `(points, neighbors)`: the same of the other centers in the neighbourhood of each point.
        valid: Boolean mask, the same shape.
        target: `(classes,)`: distribution of the center; or one for each point, `(points, classes)`.
        predictions: `(points, classes)`: what the others predict.
        epsilon: Float of at least 0: share of the weight that the center is given. Defaults to `0.0`.

    Output: `(points, classes)`, finite; rows sum to 0 if all are distributions. It is 0 at a point without
        neighbours, for which nothing was predicted.

    Formula: `(y(ε) - y(0)) / ε = k_0 / (sum_i k_i + ε k_0) · (y_0 - y(0))`, where
    `y(ε) = (sum_i y_i k_i + ε y_0 k_0) / (sum_i k_i + ε k_0)`. In log space, so that it holds far from
    everything, where all kernels underflow; a ratio of kernels above `e^60` is cut.

    Example:

    >>> change = tfdml.ops.influence([0.0], np.log([[1.0, 2.0]]), [[True, True]], [0.0, 1.0], [[1.0, 0.0]])
    >>> keras.ops.convert_to_numpy(change).round(3).tolist()
    [[-0.333, 0.333]]
    """
    log_kernels = at_least_float32(log_kernels)
    log_kernel = ops.cast(log_kernel, log_kernels.dtype)
    valid = ops.convert_to_tensor(valid)
    some = ops.any(valid, axis=1)
    total = ops.where(some, log_sum_exp(log_kernels, valid), log_kernel)
    if epsilon:
        total = ops.logaddexp(total, log_kernel + math.log(epsilon))
    ratio = ops.where(some, ops.exp(ops.minimum(log_kernel - total, LARGEST)), 0)
    return ratio[:, None] * (ops.cast(target, ratio.dtype) - ops.cast(predictions, ratio.dtype))


def project_to_simplex(x):
    """The distribution nearest to each row, by Euclidean distance.

    Args:
        x: `(rows, classes)`, finite.

    Output: `(rows, classes)`, float32 at least, of at least 0, with the sum 1 in each row.

    Formula: `max(x - θ, 0)` with the `θ` for which it sums to 1, found from the sorted row.

    Example:

    >>> keras.ops.convert_to_numpy(tfdml.ops.project_to_simplex([[1.2, -0.2, 0.0]])).tolist()
    [[1.0, 0.0, 0.0]]

    Reference: Duchi et al., Efficient Projections onto the l1-Ball for Learning in High Dimensions, ICML
        2008.
    """
    x = at_least_float32(x)
    x = x - ops.max(x, axis=1, keepdims=True)  # the same answer, and no digits lost to a common offset
    falling = -ops.sort(-x, axis=1)
    ranks = ops.cast(ops.arange(1, x.shape[1] + 1), x.dtype)
    levels = (ops.cumsum(falling, axis=1) - 1) / ranks
    kept = ops.cast(falling > levels, x.dtype)
    count = ops.sum(kept, axis=1, keepdims=True)
    level = (ops.sum(kept * falling, axis=1, keepdims=True) - 1) / count
    found = ops.maximum(x - level, 0)
    return found / ops.sum(found, axis=1, keepdims=True)


def as_distributions(x):
    """Rows as distributions, and a mask of those that were none and had to be projected.

    Args:
        x: `(rows, classes)`, each row with the sum 1.

    Output: `(rows, classes)`, float32 at least, and booleans `(rows,)`: rows that had an entry below
        zero by more than rounding leaves.

    Example:

    >>> rows, projected = tfdml.ops.as_distributions([[0.5, 0.5], [1.5, -0.5]])
    >>> keras.ops.convert_to_numpy(projected).tolist()
    [False, True]
    """
    x = at_least_float32(x)
    projected = ops.min(x, axis=1) < -ROUNDING
    # A row that is one already keeps its values; the others are few.
    inside = ops.maximum(x, 0)
    inside = inside / ops.sum(inside, axis=1, keepdims=True)
    return ops.where(projected[:, None], project_to_simplex(x), inside), projected
