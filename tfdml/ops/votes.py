"""Gaussian kernels, and the votes of neighbours for classes, in log space: far queries do not underflow."""

from keras import ops

from tfdml.ops.log_sum_exp import EMPTY, log_sum_exp
from tfdml.ops.safe import at_least_float32

# What a class without a neighbour is taken to have of the whole vote, as its logit must be finite.
ABSENT = 23.0  # -log(1e-10)
FARTHEST = 1e20  # squared: beyond it all are as far, as products of it must stay in the range of float32
LEAST = -1e28  # still above what marks an empty sum


def log_gaussian(squared_distances, log_bandwidth):
    """`-d² / (2 bandwidth²)`, the logarithm of the Gaussian kernel, of any shape.

    Args:
        squared_distances: Tensor of at least 0; above 1e20 as if it were 1e20.
        log_bandwidth: Logarithm of the bandwidth, in the units of the distance; cut to -20 to 20.

    Output: The same shape, finite, -1e28 at least.

    Example:

    >>> float(tfdml.ops.log_gaussian(4.0, np.log(2.0)))
    -0.5
    """
    squared = ops.minimum(at_least_float32(squared_distances), FARTHEST)
    precision = ops.exp(-2 * ops.clip(ops.cast(log_bandwidth, squared.dtype), -20, 20))
    return ops.maximum(-0.5 * squared * precision, LEAST)


def vote_shares(logits, valid):
    """Share of each neighbour in the vote of its row, `(queries, neighbors)`: a softmax over the valid ones.

    Args:
        logits: `(queries, neighbors)`.
        valid: Boolean mask, the same shape.

    Output: the same shape; rows sum to 1, or are 0 where no neighbour is valid.
    """
    logits = at_least_float32(logits)
    largest = ops.stop_gradient(ops.max(ops.where(valid, logits, EMPTY), axis=1, keepdims=True))
    weights = ops.where(valid, ops.exp(ops.where(valid, logits - largest, 0)), 0)
    total = ops.sum(weights, axis=1, keepdims=True)
    return weights / ops.where(total > 0, total, 1)


def class_shares(shares, labels, num_classes):
    """Sum of the shares of the neighbours of each class, `(queries, num_classes)`.

    Args:
        shares: `(queries, neighbors)`.
        labels: Classes of the neighbours, integers `(queries, neighbors)`.
        num_classes: Integer.

    Example:

    >>> votes = tfdml.ops.class_shares(np.array([[0.5, 0.3, 0.2]]), np.array([[1, 0, 1]]), num_classes=2)
    >>> keras.ops.convert_to_numpy(votes).tolist()
    [[0.3, 0.7]]
    """
    flat, size = _places(labels, num_classes)
    summed = ops.segment_sum(ops.reshape(shares, (-1,)), flat, num_segments=size)
    return ops.reshape(summed, (-1, num_classes))


def class_logits(logits, valid, labels, num_classes):
    """Log-sum-exp of the neighbours of each class, `(queries, num_classes)`.

    A class without a neighbour has 1e-10 of the whole vote. Its cross-entropy is then a constant: were it to
    drive a query away from all its neighbours, it would drive it from where its class is found later.

    Args:
        logits: `(queries, neighbors)`.
        valid: Boolean mask, the same shape.
        labels: Classes of the neighbours, integers of the same shape.
        num_classes: Integer.
    """
    logits, flat_valid = at_least_float32(logits), ops.reshape(valid, (-1,))
    places, size = _places(labels, num_classes)
    flat = ops.where(flat_valid, ops.reshape(logits, (-1,)), EMPTY)
    largest = ops.segment_max(ops.stop_gradient(flat), places, num_segments=size)
    largest = ops.stop_gradient(ops.maximum(largest, EMPTY))
    # The class of the row's nearest must not swallow that of its farthest: each has a largest of its own.
    terms = ops.where(flat_valid, ops.exp(ops.where(flat_valid, flat - ops.take(largest, places), 0)), 0)
    total = ops.segment_sum(terms, places, num_segments=size)
    sums = ops.where(total > 0, ops.log(ops.where(total > 0, total, 1)) + largest, EMPTY)
    return with_absent(ops.reshape(sums, (-1, num_classes)), logits, valid)


def soft_class_shares(shares, targets):
    """Sum of the shares of the neighbours in each class, where each has a distribution over classes.

    Args:
        shares: `(queries, neighbors)`.
        targets: Distributions of the neighbours, `(queries, neighbors, num_classes)`.

    Output: `(queries, num_classes)`.

    Example:

    >>> targets = np.array([[[1.0, 0.0], [0.5, 0.5]]])
    >>> keras.ops.convert_to_numpy(tfdml.ops.soft_class_shares(np.array([[0.6, 0.4]]), targets)).tolist()
    [[0.8, 0.2]]
    """
    return ops.sum(shares[:, :, None] * ops.cast(targets, shares.dtype), axis=1)


def soft_class_logits(logits, valid, targets):
    """`tfdml.ops.class_logits` of neighbours that each have a distribution over classes.

    Args:
        logits: `(queries, neighbors)`.
        valid: Boolean mask, the same shape.
        targets: Distributions of the neighbours, `(queries, neighbors, num_classes)`.

    Output: `(queries, num_classes)`: `log(sum_i targets_i exp(logits_i))`, and for a class of which no
        neighbour has anything, 1e-10 of the whole vote.
    """
    logits = at_least_float32(logits)
    targets = ops.cast(targets, logits.dtype)
    counts = valid[:, :, None] & (targets > 0)
    terms = logits[:, :, None] + ops.log(ops.where(counts, targets, 1))
    largest = ops.stop_gradient(ops.max(ops.where(counts, terms, EMPTY), axis=1, keepdims=True))
    total = ops.sum(ops.where(counts, ops.exp(ops.where(counts, terms - largest, 0)), 0), axis=1)
    sums = ops.where(total > 0, ops.log(ops.where(total > 0, total, 1)) + largest[:, 0], EMPTY)
    return with_absent(sums, logits, valid)


def with_absent(class_sums, logits, valid):
    """`class_sums` with a logit for the classes that no neighbour votes for, where it is -1e30."""
    total = log_sum_exp(logits, valid)[:, None]
    absent = ops.where(total > 0.5 * EMPTY, total, 0) - ABSENT
    return ops.where(class_sums > 0.5 * EMPTY, class_sums, absent)


def _places(labels, num_classes):
    """Where the entries of `(queries, num_classes)`, laid flat, are that the neighbours add to."""
    rows = ops.shape(labels)[0]
    places = ops.cast(labels, "int32") + num_classes * ops.arange(rows, dtype="int32")[:, None]
    return ops.reshape(places, (-1,)), rows * num_classes
