"""Averages over the terms of a batch, as one value per anchor."""

from keras import ops

from tfdml.losses.parts import batch_size, batch_sum


def average_terms(total, terms, nonzero, average):
    """Values of the anchors, such that their mean over the batch is the average that is asked for.

    Args:
        total: Sum of the terms of each anchor, `(anchors,)`.
        terms: Number of its terms, `(anchors,)`.
        nonzero: Number of its terms above zero, `(anchors,)`.
        average: `"anchors"`, `"terms"` or `"nonzero"`; `MetricLoss` says what they mean.

    Output: `(anchors,)`; 0 where there is no term.
    """
    terms, nonzero = ops.cast(terms, total.dtype), ops.cast(nonzero, total.dtype)
    if average == "anchors":
        return total / ops.maximum(terms, 1)
    counted = batch_sum(terms if average == "terms" else nonzero, last=True)
    return total * (batch_size(total) / ops.maximum(counted, 1))
