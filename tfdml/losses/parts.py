"""What the rows of a batch have in common, where they are computed in parts: in tiles, or by replicas.

What a query loses depends on the keys and hardly on other queries. The exceptions, such as the number of
positive pairs in the batch, go through `over_parts`, which knows of the other parts.
"""

from contextlib import contextmanager
from contextvars import ContextVar

from keras import ops


class Whole:
    """A batch of one part: all rows are at hand."""

    size = None  # of the batch, where the rows at hand are not all
    unit = False  # whether embeddings have norm 1 already

    def reduce(self, function, parts, last):
        """`function` of the values of all parts, of which `parts` `(n, ...)` are those at hand."""
        return function(parts)


WHOLE = Whole()
_BATCH = ContextVar("batch")


@contextmanager
def within(batch):
    """Lets the rows that are computed within it be a part of `batch`."""
    token = _BATCH.set(batch)
    try:
        yield
    finally:
        _BATCH.reset(token)


def current_batch():
    """The batch that the rows at hand are of."""
    return _BATCH.get(WHOLE)


def over_parts(function, value, last=False):
    """`function` of `(parts, ...)`, one `value` for each part of the batch.

    Args:
        function: Function of a tensor `(parts, ...)`, of nothing else that depends on the batch.
        value: What the rows at hand give.
        last: Whether no `value` of another call depends on the result: tiles then take all such calls in
            one turn. Defaults to `False`.
    """
    return current_batch().reduce(function, value[None], last)


def batch_sum(values, last=False):
    """Sum of `values`, of whatever shape, over all rows of the batch."""
    return over_parts(lambda parts: ops.sum(parts, axis=0), ops.sum(values), last)


def batch_size(values):
    """Number of rows of the batch, of which `values` `(rows, ...)` are those at hand; a float."""
    size = current_batch().size
    return ops.cast(ops.shape(values)[0] if size is None else size, values.dtype)
