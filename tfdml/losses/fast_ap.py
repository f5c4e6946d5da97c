"""FastAP: average precision, from histograms of distances."""

import keras
from keras import ops

from tfdml.checks import check_count
from tfdml.losses.average import average_terms
from tfdml.losses.base import MetricLoss
from tfdml.losses.cosines import cosines
from tfdml.ops import at_least_float32, scatter_rows


@keras.saving.register_keras_serializable(package="tfdml")
class FastAPLoss(MetricLoss):
    """One minus the average precision of each anchor's ranking, from a soft histogram of its distances.

    Args:
        bins: Integer of at least 1: into how many equal parts squared distances, from 0 to 4, are divided.
            Defaults to `10`, of the paper.
        average: `"terms"`: all anchors with a positive count alike. `"anchors"`: those without one count as
            well, as 0. Defaults to `"terms"`.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"fast_ap_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`, of any norm: they are normalised here.

    Formula: `1 - 1/P sum_b h⁺_b H⁺_b / H_b` for an anchor with `P` positives, where `h⁺` is the histogram of
    the squared distances to them, each shared linearly by the two nearest of `bins + 1` nodes, `H⁺` its
    cumulative sum, and `H` that of the histogram of all keys.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.eye(2)[[0, 0, 1, 1]]
    >>> float(tfdml.losses.FastAPLoss()(labels, embeddings))  # every positive ranks first
    0.0

    Reference: Cakir et al., Deep Metric Learning to Rank, CVPR 2019.
    """

    directions = True
    averages = ("terms", "anchors")

    def __init__(
        self,
        bins=10,
        average="terms",
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="fast_ap_loss",
        dtype=None,
    ):
        super().__init__(
            average=average, mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype
        )
        self.bins = check_count("bins", bins)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        positive, negative = self.pairs(queries, query_labels, keys, key_labels, same_set)
        # On the sphere a squared distance is twice the cosine distance.
        precision = fast_ap((1 - cosines(queries, keys)) / 2, positive, negative, self.bins)
        valid = ops.any(positive, axis=1)
        values = ops.where(valid, 1 - precision, 0)
        return average_terms(values, valid, values > 0, self.average)

    def get_config(self):
        return {**super().get_config(), "bins": self.bins}


def fast_ap(distance, positive, negative, bins=10):
    """Average precision of each row of distances from histograms, `(queries,)`; 0 without a positive.

    Args:
        distance: `(queries, keys)`, from 0 to 1; what lies outside is taken as the nearest of both.
        positive, negative: Boolean masks, the same shape; keys in neither are left out.
        bins: Integer of at least 1. Defaults to `10`.

    Example:

    >>> value = tfdml.losses.fast_ap([[0.4, 0.2, 0.9]], [[True, False, False]], [[False, True, True]])
    >>> float(value[0])  # one of the two negatives ranks before the positive
    0.5
    """
    position = bins * ops.clip(at_least_float32(distance), 0, 1)
    lower = ops.stop_gradient(ops.minimum(ops.floor(position), bins - 1))
    upper_share = position - lower
    # One histogram for the positives and, beside it, one for the negatives; others fall outside.
    nodes, width = bins + 1, 2 * (bins + 1)
    node = ops.cast(lower, "int32")
    node = ops.where(positive, node, ops.where(negative, node + nodes, width))
    histogram = scatter_rows(1 - upper_share, node, width)
    histogram = histogram + scatter_rows(upper_share, ops.minimum(node + 1, width), width)
    of_positives = histogram[:, :nodes]
    found = ops.cumsum(of_positives, axis=1)
    seen = found + ops.cumsum(histogram[:, nodes:], axis=1)
    shares = of_positives * found / ops.where(seen > 0, seen, 1)
    return ops.sum(shares, axis=1) / ops.maximum(found[:, -1], 1)
