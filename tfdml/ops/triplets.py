"""Sums over all triplets and choices among them, by sorting rows: no triplet is ever formed.

Memory is O(queries · keys), time O(queries · keys · log keys). A row is sorted once, with its positives
and its negatives together; running counts of the sorted row then say, for every entry, how many of the
other kind lie below it. Nothing is differentiated through the sort.
"""

from keras import ops

from tfdml.ops.pairs import gather_rows, scatter_rows
from tfdml.ops.safe import at_least_float32, machine_epsilon


def hinge_sums(distance, positive, negative, margin):
    """Sum and number, by row, of the `d_p - d_n + margin` above 0 over all positives `p` and negatives `n`.

    A hinge that does not exceed the rounding error of its distances counts as zero.

    Args:
        distance: `(queries, keys)`.
        positive, negative: Boolean masks, the same shape, with no pair in both.
        margin: Float, 0 or above.

    Output: two tensors `(queries,)`: the sum, which carries gradients, and the number.

    Example:

    >>> distance = np.array([[0.2, 0.3, 1.0, 0.1]])
    >>> positive = np.array([[True, False, False, False]])
    >>> total, count = tfdml.ops.hinge_sums(distance, positive, ~positive, margin=0.25)
    >>> float(total[0]), float(count[0])
    (0.5, 2.0)
    """
    distance = at_least_float32(distance)
    sign = ops.cast(positive, distance.dtype) - ops.cast(negative, distance.dtype)
    counts = _violations(ops.stop_gradient(distance), sign, margin)
    # A positive enters the sum once for every negative it violates, a negative with a minus once for every
    # positive that violates it. So the sum is linear in the distances, and these counts are its gradient.
    active = ops.sum(ops.maximum(counts, 0), axis=1)
    return ops.sum(counts * distance, axis=1) + margin * active, active


def _violations(distance, sign, margin):
    """For each positive its violated negatives; for each negative, negated, the positives that violate it."""
    raised = distance + margin
    # Equal values must leave the positive first: a hinge of zero is no violation, whatever the order of keys.
    raised = raised - machine_epsilon(distance) * ops.abs(raised) - 1e-30
    values = ops.where(sign > 0, raised, ops.where(sign < 0, distance, float("inf")))

    order = ops.argsort(values, axis=1)
    sign = gather_rows(sign, order)
    below = ops.cumsum(ops.maximum(-sign, 0), axis=1)  # negatives up to here
    rank = ops.arange(1, ops.shape(values)[1] + 1, dtype=values.dtype)[None, :]
    positives = ops.sum(ops.maximum(sign, 0), axis=1, keepdims=True)
    above = positives - (rank - below)  # positives after here; unused entries are sorted last
    counts = ops.where(sign > 0, below, ops.where(sign < 0, -above, 0))
    return scatter_rows(counts, order, ops.shape(values)[1])


def semi_hard_negatives(distance, positive, negative):
    """For each positive pair, which negative of its row is the nearest that is farther than the positive.

    Where none is farther, the farthest negative of the row.

    Args:
        distance: `(queries, keys)`.
        positive, negative: Boolean masks, the same shape, with no pair in both.

    Output: integers `(queries, keys)`: the key chosen for each positive pair; 0 at other pairs and in rows
        without a negative.
    """
    distance = ops.stop_gradient(at_least_float32(distance))
    width = ops.shape(distance)[1]
    sign = ops.cast(positive, distance.dtype) - ops.cast(negative, distance.dtype)
    # Equal values must leave the positive last: the negative has to be farther.
    raised = distance + machine_epsilon(distance) * ops.abs(distance) + 1e-30
    values = ops.where(sign > 0, raised, ops.where(sign < 0, distance, float("inf")))

    order = ops.argsort(values, axis=1)
    sign = gather_rows(sign, order)
    is_negative = ops.cast(sign < 0, "int32")
    below = ops.cumsum(is_negative, axis=1)
    negatives = below[:, -1:]
    by_rank = scatter_rows(order, ops.where(sign < 0, below - 1, width), width)
    chosen = gather_rows(by_rank, ops.clip(below, 0, ops.maximum(negatives - 1, 0)))
    return scatter_rows(ops.where(sign > 0, chosen, 0), order, width)
