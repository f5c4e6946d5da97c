"""Choosing among the pairs of each row: the nearest, those near to a rival, or a draw by distance.

All is masks of a fixed shape, and nothing is differentiated.
"""

from keras import ops

from tfdml.ops.log_sum_exp import log_sum_exp
from tfdml.ops.safe import at_least_float32


def nearest_of(distance, used):
    """The nearest used entry of each row, as a mask `(rows, columns)`; of equal ones the first.

    Args:
        distance: `(rows, columns)`.
        used: Boolean mask, the same shape.

    Example:

    >>> mask = tfdml.ops.nearest_of(np.array([[0.3, 0.1, 0.2]]), np.array([[True, False, True]]))
    >>> keras.ops.convert_to_numpy(mask).tolist()
    [[False, False, True]]
    """
    place = ops.argmin(ops.where(used, distance, float("inf")), axis=1)
    columns = ops.arange(ops.shape(distance)[1], dtype=place.dtype)
    return used & (columns[None, :] == place[:, None])


def informative_pairs(distance, positive, negative, epsilon=0.1):
    """The positives that some negative comes near to, and the negatives that come near to some positive.

    Args:
        distance: `(queries, keys)`.
        positive, negative: Boolean masks, the same shape.
        epsilon: Float: a positive counts if it is less than this nearer than the nearest negative, a negative
            if it is less than this farther than the farthest positive. Defaults to `0.1`.

    Output: two boolean masks, the same shape.

    Example:

    >>> distance, same = np.array([[0.1, 0.3, 0.2, 0.5]]), np.array([[True, True, False, False]])
    >>> positive, negative = tfdml.ops.informative_pairs(distance, same, ~same, epsilon=0.05)
    >>> keras.ops.convert_to_numpy(positive | negative).tolist()
    [[False, True, True, False]]
    """
    nearest = ops.min(ops.where(negative, distance, float("inf")), axis=1, keepdims=True)
    farthest = ops.max(ops.where(positive, distance, -float("inf")), axis=1, keepdims=True)
    return positive & (distance + epsilon > nearest), negative & (distance - epsilon < farthest)


def inverse_density(distance, dim, nearest=0.5):
    """Minus the log density, up to a constant, of the distance of two random points on the sphere.

    Args:
        distance: Euclidean distances of unit vectors, of any shape.
        dim: Number of coordinates of the vectors.
        nearest: Float above 0: nearer ones count as if they were here, because few points lie so near, and
            their weights would rule. Defaults to `0.5`, of Wu et al.

    Output: log weights, the same shape: drawn by them, all distances are equally likely.
    """
    distance = ops.maximum(distance, nearest)
    below = ops.maximum(1 - 0.25 * ops.square(distance), 1e-6)
    return (2 - dim) * ops.log(distance) - (dim - 3) / 2 * ops.log(below)


def normalized_weights(log_weights, possible):
    """`exp(log_weights)` over the sum of its row, constants in the gradient; 0 where not possible."""
    log_weights = ops.stop_gradient(log_weights)
    total = log_sum_exp(log_weights, possible)[:, None]
    return ops.where(possible, ops.exp(ops.where(possible, log_weights - total, 0)), 0)


def drawn(weights, number, start):
    """A mask of some entries of each row, each with a probability in proportion to its weight.

    A comb of `number` teeth is laid over the running sum of the weights. So a row has as many entries as
    teeth, fewer only where an entry is so heavy that it has several, and one random number draws them all.

    Args:
        weights: `(rows, columns)`, of at least 0, with sums of 1 in rows that have an entry to be drawn.
        number: How many to draw in each row, `(rows,)`.
        start: Random numbers from 0 to 1, `(rows,)`.

    Example:

    >>> weights = np.array([[0.1, 0.4, 0.0, 0.5]], "float32")
    >>> mask = tfdml.ops.drawn(weights, number=np.array([2.0]), start=np.array([0.5]))
    >>> keras.ops.convert_to_numpy(mask).tolist()
    [[False, True, False, True]]
    """
    weights = at_least_float32(weights)
    number, start = (ops.cast(x, weights.dtype)[:, None] for x in (number, start))
    # Off both ends, where rounding could add a tooth or lose one.
    start = 0.001 + 0.998 * ops.clip(start, 0, 1)
    ends = start + number * ops.cumsum(weights, axis=1)
    begins = ops.concatenate([start, ends[:, :-1]], axis=1)
    return ops.floor(ends) > ops.floor(begins)
