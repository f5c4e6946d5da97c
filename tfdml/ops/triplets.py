"""Sums over all triplets and choices among them, by rows: no triplet is ever formed.

Memory is O(queries · keys), time O(queries · keys · log keys). A row is sorted once, with its positives
and its negatives together; running counts of the sorted row then say, for every entry, how many of the
other kind lie below it. Rows of few positives are faster served by comparing with each positive in turn.
Nothing is differentiated through either.
"""

from keras import ops

from tfdml.ops.pairs import gather_rows, scatter_rows
from tfdml.ops.safe import at_least_float32, machine_epsilon
from tfdml.ops.turns import by_turns

# Up to so many positives a row, as balanced batches have, turns are faster than the sort.
FEW = 8


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
    # Of equal values the positive counts as smaller: a hinge of zero is no violation, whatever the order.
    raised = raised - machine_epsilon(distance) * ops.abs(raised) - 1e-30
    return _few_or_many(sign, _violations_by_turns, _violations_by_sorting)(distance, raised, sign)


def _violations_by_turns(distance, raised, sign):
    negatives = ops.where(sign < 0, distance, float("inf"))

    def serve(taken, value):
        violated = ops.cast(negatives < value, distance.dtype)
        return ops.where(taken, ops.sum(violated, axis=1, keepdims=True), 0) - violated

    return _by_turns(serve, ops.zeros_like(distance), raised, sign)


def _violations_by_sorting(distance, raised, sign):
    order = ops.argsort(_sortable(distance, raised, sign), axis=1)
    sign = gather_rows(sign, order)
    below = ops.cumsum(ops.maximum(-sign, 0), axis=1)  # negatives up to here
    rank = ops.arange(1, ops.shape(sign)[1] + 1, dtype=sign.dtype)[None, :]
    positives = ops.sum(ops.maximum(sign, 0), axis=1, keepdims=True)
    above = positives - (rank - below)  # positives after here; unused entries are sorted last
    counts = ops.where(sign > 0, below, ops.where(sign < 0, -above, 0))
    return scatter_rows(counts, order, ops.shape(sign)[1])


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
    sign = ops.cast(positive, distance.dtype) - ops.cast(negative, distance.dtype)
    # Of equal values the positive counts as larger: the negative has to be farther.
    raised = distance + machine_epsilon(distance) * ops.abs(distance) + 1e-30
    return _few_or_many(sign, _semi_hard_by_turns, _semi_hard_by_sorting)(distance, raised, sign)


def _semi_hard_by_turns(distance, raised, sign):
    negatives = ops.where(sign < 0, distance, float("inf"))
    farthest = ops.argmax(ops.where(sign < 0, distance, -float("inf")), axis=1, keepdims=True)
    has_negative = ops.any(sign < 0, axis=1, keepdims=True)

    def serve(taken, value):
        farther = ops.where(negatives > value, negatives, float("inf"))
        nearest = ops.argmin(farther, axis=1, keepdims=True)
        none_farther = ops.min(farther, axis=1, keepdims=True) == float("inf")
        chosen = ops.cast(ops.where(none_farther, farthest, nearest), "int32")
        return ops.where(taken & has_negative, chosen, 0)

    return _by_turns(serve, ops.zeros_like(distance, dtype="int32"), raised, sign)


def _semi_hard_by_sorting(distance, raised, sign):
    width = ops.shape(distance)[1]
    order = ops.cast(ops.argsort(_sortable(distance, raised, sign), axis=1), "int32")
    sign = gather_rows(sign, order)
    below = ops.cumsum(ops.cast(sign < 0, "int32"), axis=1)  # negatives up to here
    by_rank = scatter_rows(order, ops.where(sign < 0, below - 1, width), width)
    chosen = gather_rows(by_rank, ops.clip(below, 0, ops.maximum(below[:, -1:] - 1, 0)))
    return scatter_rows(ops.where(sign > 0, chosen, 0), order, width)


def _few_or_many(sign, few, many):
    """`few` where no row has more than `FEW` positives, else `many`; decided batch by batch, in the graph."""
    most = ops.max(ops.sum(ops.maximum(sign, 0), axis=1))
    return lambda *args: ops.cond(most <= FEW, lambda: few(*args), lambda: many(*args))


def _by_turns(serve, result, raised, sign):
    """Adds up `serve(taken, value)`: a mask of the positives whose turn it is, one a row, and their raised
    values `(rows, 1)`; a row that has run out has -inf.
    """

    def turn(taken, result):
        value = ops.max(ops.where(taken, raised, -float("inf")), axis=1, keepdims=True)
        return (result + serve(taken, value),)

    return by_turns(sign > 0, turn, (result,))[0]


def _sortable(distance, raised, sign):
    return ops.where(sign > 0, raised, ops.where(sign < 0, distance, float("inf")))
