"""N-pair loss: each anchor picks its positives from all keys."""

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.base import MetricLoss
from tfdml.losses.labels import label_rows
from tfdml.losses.mining import mine
from tfdml.ops import at_least_float32, dot_product, log_sum_exp, pair_masks, used_labels
from tfdml.ops.pairs import self_pairs


@keras.saving.register_keras_serializable(package="tfdml")
class NPairLoss(MetricLoss):
    """Cross-entropy of each anchor's inner products against the keys of its label.

    Within a batch every sample is an anchor and all others are its keys. Embeddings are not normalised. A
    sample may have several labels: then keys count by the number of labels that they share with the anchor.

    Args:
        l2: Float of at least 0: weight of the penalty on squared norms that keeps embeddings small;
            0.002 is usual. Defaults to `0.0`.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"n_pair_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or rows `(batch, classes)` of 0 and 1, with a 1
            at each label of a sample.
        y_pred: Embeddings `(batch, dim)`.

    Formula: `log(sum_k exp(a · k)) - mean_p(a · p)` over the keys `k` and the positives `p` of an anchor
    `a`, plus `l2 / 4 · (|a|² + mean_k |k|²)`. With several labels, the mean has as weights the numbers of
    labels shared. An anchor without a positive has loss 0 before the penalty.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.ones((4, 2))
    >>> round(float(tfdml.losses.NPairLoss()(labels, embeddings)), 4)  # log(3): nothing tells the keys apart
    1.0986
    >>> rows = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1]])  # the first has two labels, one of each other
    >>> round(float(tfdml.losses.NPairLoss()(rows, np.ones((3, 2)))), 4)  # log(2)
    0.6931

    Reference: Sohn, Improved Deep Metric Learning with Multi-class N-pair Loss Objective, NIPS 2016.
    """

    def __init__(
        self,
        l2=0.0,
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="n_pair_loss",
        dtype=None,
    ):
        super().__init__(mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype)
        self.l2 = check_number("l2", l2, minimum=0)

    def read_labels(self, labels):
        return label_rows(labels)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        positive, negative = shared_labels(query_labels, key_labels, same_set)
        if self.mining != "all":
            distance, shared = self.mining_distance, positive
            positive, negative = mine(self.mining, distance, queries, keys, shared > 0, negative)
            positive = ops.where(positive, shared, 0)
        values = n_pair(dot_product(queries, keys), positive, negative)
        if not self.l2:
            return values
        query_norms, key_norms = (ops.sum(ops.square(at_least_float32(x)), axis=1) for x in (queries, keys))
        used = ops.cast(used_labels(key_labels), key_norms.dtype)
        mean_norm = ops.sum(used * key_norms) / ops.maximum(ops.sum(used), 1)
        return values + 0.25 * self.l2 * (query_norms + mean_norm)

    @property
    def mining_distance(self):
        return inner_distance

    def get_config(self):
        return {**super().get_config(), "l2": self.l2}


def inner_distance(queries, keys):
    """Minus the inner products: by them this loss tells near from far."""
    return -dot_product(queries, keys)


def n_pair(similarity, positive, negative):
    """N-pair loss of each row of similarities, `(queries,)`; 0 for a row without a positive.

    Args:
        similarity: `(queries, keys)`.
        positive: Boolean mask, or weights of at least 0 such as the numbers of labels shared, the same shape.
        negative: Boolean mask, the same shape; keys in neither are left out.

    Example:

    >>> same = np.eye(2, dtype=bool)
    >>> keras.ops.convert_to_numpy(tfdml.losses.n_pair(np.zeros((2, 2)), same, ~same)).round(4).tolist()
    [0.6931, 0.6931]
    """
    similarity = at_least_float32(similarity)
    weights = ops.cast(positive, similarity.dtype)
    # The mean is taken of the differences: similarities of large embeddings have no digits to spare.
    used = (weights > 0) | ops.convert_to_tensor(negative)
    gaps = log_sum_exp(similarity, used)[:, None] - similarity
    total = ops.sum(weights, axis=1)
    return ops.sum(ops.where(weights > 0, weights * gaps, 0), axis=1) / ops.where(total > 0, total, 1)


def shared_labels(query_labels, key_labels, same_set=False):
    """How many labels a key shares with a query, at most one if labels are not rows; and which share none."""
    if len(query_labels.shape) == 1:
        positive, negative = pair_masks(query_labels, key_labels, same_set)
        return ops.cast(positive, "float32"), negative
    queries, keys = (ops.cast(rows, "float32") for rows in (query_labels, key_labels))
    shared = ops.matmul(queries, ops.transpose(keys))
    other = ~self_pairs(shared, same_set)
    return ops.where(other, shared, 0), (shared == 0) & other
