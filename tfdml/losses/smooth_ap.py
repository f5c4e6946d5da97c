"""Smooth-AP: average precision, with ranks counted by sigmoids."""

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.average import average_terms
from tfdml.losses.base import MetricLoss
from tfdml.losses.cosines import cosines
from tfdml.ops import at_least_float32, by_turns


@keras.saving.register_keras_serializable(package="tfdml")
class SmoothAPLoss(MetricLoss):
    """One minus the average precision of each anchor's ranking, made smooth.

    Args:
        temperature: Float above 0: the difference of cosines over which one sample comes to rank before
            another. The smaller, the closer to average precision and the sparser the gradient.
            Defaults to `0.01`, of the paper.
        average: `"terms"`: all anchors with a positive count alike. `"anchors"`: those without one count as
            well, as 0. Defaults to `"terms"`.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"smooth_ap_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`, of any norm.

    Formula: `1 - mean_p((1 + sum_q σ((s_q - s_p) / t)) / (1 + sum_k σ((s_k - s_p) / t)))` over the positives
    `p` of an anchor, its other positives `q` and all other keys `k`, with the logistic function `σ` and the
    temperature `t`. An anchor is not part of its own ranking.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.eye(2)[[0, 0, 1, 1]]
    >>> round(float(tfdml.losses.SmoothAPLoss()(labels, embeddings)), 4)  # every positive ranks first
    0.0

    Reference: Brown et al., Smooth-AP: Smoothing the Path Towards Large-Scale Image Retrieval, ECCV 2020.
    """

    directions = True
    averages = ("terms", "anchors")

    def __init__(
        self,
        temperature=0.01,
        average="terms",
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="smooth_ap_loss",
        dtype=None,
    ):
        super().__init__(
            average=average, mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype
        )
        self.temperature = check_number("temperature", temperature, above=0)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        positive, negative = self.pairs(queries, query_labels, keys, key_labels, same_set)
        precision = smooth_ap(cosines(queries, keys) / self.temperature, positive, negative)
        valid = ops.any(positive, axis=1)
        values = ops.where(valid, 1 - precision, 0)
        return average_terms(values, valid, values > 0, self.average)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


def smooth_ap(similarity, positive, negative):
    """Smooth average precision of each row of similarities, `(queries,)`; 0 for a row without a positive.

    Positives are taken by turns, one a row, and the gradient is summed on the way: no more than a few
    matrices of queries and keys are held, where the definition compares all keys with one another.

    Args:
        similarity: `(queries, keys)`, divided by the temperature.
        positive, negative: Boolean masks, the same shape; keys in neither are left out.

    Example:

    >>> value = tfdml.losses.smooth_ap([[0.0, 9.0, -9.0]], [[True, False, False]], [[False, True, True]])
    >>> round(float(value[0]), 3)  # one of the two negatives ranks before the positive
    0.5
    """
    masks = ops.convert_to_tensor(positive), ops.convert_to_tensor(negative)
    return _smooth_ap(at_least_float32(similarity), *masks)


@ops.custom_gradient
def _smooth_ap(similarity, positive, negative):
    relevant = ops.cast(positive, similarity.dtype)
    share = 1 / ops.maximum(ops.sum(relevant, axis=1, keepdims=True), 1)

    def add(taken, total, slopes):
        own = ops.sum(ops.where(taken, similarity, 0), axis=1, keepdims=True)
        before = ops.where((positive | negative) & ~taken, ops.sigmoid(similarity - own), 0)
        rank = 1 + ops.sum(before, axis=1, keepdims=True)
        relevant_rank = 1 + ops.sum(before * relevant, axis=1, keepdims=True)
        used = ops.where(ops.any(taken, axis=1, keepdims=True), share, 0)
        slope = used / rank * (relevant - relevant_rank / rank) * before * (1 - before)
        slope = slope - ops.where(taken, ops.sum(slope, axis=1, keepdims=True), 0)
        return total + (used * relevant_rank / rank)[:, 0], slopes + slope

    start = (ops.zeros_like(similarity[:, 0]), ops.zeros_like(similarity))
    total, slopes = by_turns(positive, add, start)

    def grad(*args, upstream=None):
        if upstream is None:
            (upstream,) = args
        return upstream[:, None] * slopes, None, None

    return total, grad
