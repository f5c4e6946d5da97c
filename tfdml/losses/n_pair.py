"""N-pair loss: each anchor picks its positives from all keys."""

import keras
from keras import ops

from tfdml.losses.arguments import check_number
from tfdml.losses.base import MetricLoss
from tfdml.ops import at_least_float32, dot_product, log_sum_exp, pair_masks


@keras.saving.register_keras_serializable(package="tfdml")
class NPairLoss(MetricLoss):
    """Cross-entropy of each anchor's inner products against the keys of its label.

    Within a batch every sample is an anchor and all others are its keys. Embeddings are not normalised.

    Args:
        l2: Float of at least 0: weight of the penalty on squared norms that keeps embeddings small;
            0.002 is usual. Defaults to `0.0`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"n_pair_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`.

    Formula: `log(sum_k exp(a · k)) - mean_p(a · p)` over the keys `k` and the positives `p` of an anchor
    `a`, plus `l2 / 4 · (|a|² + mean_k |k|²)`. An anchor without a positive has loss 0 before the penalty.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.ones((4, 2))
    >>> round(float(tfdml.losses.NPairLoss()(labels, embeddings)), 4)  # log(3): nothing tells the keys apart
    1.0986

    Reference: Sohn, Improved Deep Metric Learning with Multi-class N-pair Loss Objective, NIPS 2016.
    """

    def __init__(self, l2=0.0, reduction="sum_over_batch_size", name="n_pair_loss", dtype=None):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.l2 = check_number("l2", l2, minimum=0)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        positive, negative = pair_masks(query_labels, key_labels, same_set)
        values = n_pair(dot_product(queries, keys), positive, negative)
        if not self.l2:
            return values
        query_norms, key_norms = (ops.sum(ops.square(at_least_float32(x)), axis=1) for x in (queries, keys))
        return values + 0.25 * self.l2 * (query_norms + ops.mean(key_norms))

    def get_config(self):
        return {**super().get_config(), "l2": self.l2}


def n_pair(similarity, positive, negative):
    """N-pair loss of each row of similarities, `(queries,)`; 0 for a row without a positive.

    Args:
        similarity: `(queries, keys)`.
        positive, negative: Boolean masks, the same shape; keys in neither are left out.

    Example:

    >>> same = np.eye(2, dtype=bool)
    >>> keras.ops.convert_to_numpy(tfdml.losses.n_pair(np.zeros((2, 2)), same, ~same)).round(4).tolist()
    [0.6931, 0.6931]
    """
    similarity = at_least_float32(similarity)
    positives = ops.sum(ops.cast(positive, similarity.dtype), axis=1)
    # The mean is taken of the differences: similarities of large embeddings have no digits to spare.
    gaps = log_sum_exp(similarity, positive | negative)[:, None] - similarity
    return ops.sum(ops.where(positive, gaps, 0), axis=1) / ops.maximum(positives, 1)
