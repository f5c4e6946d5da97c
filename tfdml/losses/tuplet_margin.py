"""Tuplet margin loss, and the intra-pair variance that its authors add to it."""

import math

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.average import average_terms
from tfdml.losses.base import MetricLoss
from tfdml.losses.cosines import cosines
from tfdml.losses.parts import batch_sum
from tfdml.ops import at_least_float32, log_sum_exp, safe_sqrt


@keras.saving.register_keras_serializable(package="tfdml")
class TupletMarginLoss(MetricLoss):
    """Pulls the angle of each positive pair below those of all negatives, with slack for hard positives.

    Args:
        margin: Float from 0 to 90, in degrees, that is taken off the angles of positive pairs.
            Defaults to `5.73` (0.1 radians), of the paper.
        scale: Float above 0 that multiplies cosines. Defaults to `64.0`, of the paper.
        average: `"terms"`: all positive pairs of the batch count alike. `"anchors"`: each anchor has the
            mean of its pairs, and all anchors count alike. Defaults to `"terms"`.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"tuplet_margin_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`, of any norm.

    Formula: `log(1 + sum_n exp(scale (cos θ_n - cos(θ_p - margin))))` of a positive pair at the angle `θ_p`,
    over the angles `θ_n` of the negatives of its anchor.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.eye(4)[[0, 1, 2, 3]]
    >>> loss = tfdml.losses.TupletMarginLoss(margin=30, scale=2)
    >>> round(float(loss(labels, embeddings)), 4)  # log(1 + 2 / e)
    0.5514

    Reference: Yu and Tao, Deep Metric Learning with Tuplet Margin Loss, ICCV 2019.
    """

    directions = True
    averages = ("terms", "anchors")

    def __init__(
        self,
        margin=5.73,
        scale=64.0,
        average="terms",
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="tuplet_margin_loss",
        dtype=None,
    ):
        super().__init__(
            average=average, mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype
        )
        self.margin = check_number("margin", margin, minimum=0)
        self.scale = check_number("scale", scale, above=0)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        positive, negative = self.pairs(queries, query_labels, keys, key_labels, same_set)
        terms = tuplet_margin(cosines(queries, keys), positive, negative, self.margin, self.scale)
        pairs = ops.sum(ops.cast(positive, terms.dtype), axis=1)
        return average_terms(ops.sum(terms, axis=1), pairs, pairs, self.average)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "scale": self.scale}


def tuplet_margin(similarity, positive, negative, margin=5.73, scale=64.0):
    """Tuplet margin loss of each positive pair from cosines, `(queries, keys)`; 0 at other pairs.

    Args:
        similarity: `(queries, keys)`.
        positive, negative: Boolean masks, the same shape.
        margin, scale: As in `TupletMarginLoss`.

    Example:

    >>> same = np.eye(2, dtype=bool)
    >>> value = tfdml.losses.tuplet_margin(np.zeros((2, 2)), same, ~same, margin=0)
    >>> keras.ops.convert_to_numpy(value).round(4).tolist()
    [[0.6931, 0.0], [0.0, 0.6931]]
    """
    similarity = at_least_float32(similarity)
    angle = math.radians(margin)
    # cos(θ - margin), without the angle, whose derivative is infinite at a cosine of 1.
    sine = safe_sqrt(1 - ops.square(ops.where(positive, similarity, 0)))
    eased = similarity * math.cos(angle) + sine * math.sin(angle)
    gaps = log_sum_exp(scale * similarity, negative)[:, None] - scale * eased
    return ops.where(positive, ops.softplus(ops.where(positive, gaps, 0)), 0)


@keras.saving.register_keras_serializable(package="tfdml")
class IntraPairVarianceLoss(MetricLoss):
    """Evens out the cosines of positive pairs, and those of negative pairs, about their means.

    It holds a metric loss back from a few hard pairs, and is meant to be added to one: in the paper with half
    the weight of a `TupletMarginLoss`.

    Args:
        positive_epsilon: Float of at least 0: the share of the mean that positives may stay below it.
            Defaults to `0.01`, of the paper.
        negative_epsilon: Float of at least 0: the share of the mean that negatives may rise above it.
            Defaults to `0.01`, of the paper.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"intra_pair_variance_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`, of any norm.

    Formula: the mean over positive pairs of `max(0, (1 - epsilon) m_p - s_p)²` plus the mean over negative
    pairs of `max(0, s_n - (1 + epsilon) m_n)²`, with cosines `s` and their means `m` over the batch.

    Example:

    >>> labels, embeddings = np.array([0, 0, 0]), np.eye(2)[[0, 0, 1]]
    >>> loss = tfdml.losses.IntraPairVarianceLoss(positive_epsilon=0)
    >>> round(float(loss(labels, embeddings)), 4)  # 2/3 of (1/3)²
    0.0741

    Reference: Yu and Tao, Deep Metric Learning with Tuplet Margin Loss, ICCV 2019.
    """

    directions = True
    averages = ("terms",)

    def __init__(
        self,
        positive_epsilon=0.01,
        negative_epsilon=0.01,
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="intra_pair_variance_loss",
        dtype=None,
    ):
        super().__init__(mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype)
        self.positive_epsilon = check_number("positive_epsilon", positive_epsilon, minimum=0)
        self.negative_epsilon = check_number("negative_epsilon", negative_epsilon, minimum=0)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        similarity = cosines(queries, keys)
        positive, negative = self.pairs(queries, query_labels, keys, key_labels, same_set)
        above = self._variance(-similarity, positive, -self.positive_epsilon)
        return above + self._variance(similarity, negative, self.negative_epsilon)

    def _variance(self, similarity, used, epsilon):
        """What the used entries exceed their mean by, and a share of it, squared and averaged."""
        similarity = ops.where(used, similarity, 0)
        pairs = ops.sum(ops.cast(used, similarity.dtype), axis=1)
        mean = batch_sum(similarity) / ops.maximum(batch_sum(pairs), 1)
        excess = ops.where(used, ops.relu(similarity - (1 + epsilon) * mean), 0)
        return average_terms(ops.sum(ops.square(excess), axis=1), pairs, pairs, self.average)

    def get_config(self):
        own = {"positive_epsilon": self.positive_epsilon, "negative_epsilon": self.negative_epsilon}
        return {**super().get_config(), **own}
