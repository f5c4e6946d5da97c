"""Angular loss: the angle at a negative, below which it sees a positive pair."""

import math

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.average import average_terms
from tfdml.losses.base import MetricLoss
from tfdml.losses.cosines import unit
from tfdml.losses.n_pair import NPairLoss
from tfdml.ops import by_turns, log_sum_exp


@keras.saving.register_keras_serializable(package="tfdml")
class AngularLoss(MetricLoss):
    """Bounds the angle under which a negative sees an anchor and its positive, whatever their distance.

    Args:
        alpha: Float above 0 and below 90: the bound of the angle, in degrees. Defaults to `45.0`, from the
            middle of the range that the paper recommends, 36 to 55.
        average: `"terms"`: all positive pairs of the batch count alike. `"anchors"`: each anchor has the
            mean of its pairs, and all anchors count alike. Defaults to `"terms"`.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"angular_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`, of any norm: they are normalised here.

    Formula: `log(1 + sum_n exp(4 t (a + p) · n - 2 (1 + t) a · p))` of a positive pair, over the negatives
    `n` of its anchor, with `t = tan²(alpha)`.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.eye(2)[[0, 0, 1, 1]]
    >>> round(float(tfdml.losses.AngularLoss()(labels, embeddings)), 4)  # log(1 + 2 e^-4)
    0.036

    Reference: Wang et al., Deep Metric Learning with Angular Loss, ICCV 2017.
    """

    directions = True
    averages = ("terms", "anchors")

    def __init__(
        self,
        alpha=45.0,
        average="terms",
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="angular_loss",
        dtype=None,
    ):
        super().__init__(
            average=average, mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype
        )
        self.alpha = check_number("alpha", alpha, above=0)
        if alpha >= 90:
            raise ValueError(f"Expected alpha to be a number below 90, received: {alpha!r}")

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        queries, keys = unit(queries), unit(keys)
        positive, negative = self.pairs(queries, query_labels, keys, key_labels, same_set)
        total = angular_sums(queries, keys, positive, negative, math.tan(math.radians(self.alpha)) ** 2)
        pairs = ops.sum(ops.cast(positive, total.dtype), axis=1)
        return average_terms(total, pairs, pairs, self.average)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


@keras.saving.register_keras_serializable(package="tfdml")
class NPairAngularLoss(MetricLoss):
    """N-pair loss with an angular loss beside it: one reads inner products, the other angles.

    Args:
        alpha: As in `AngularLoss`. Defaults to `45.0`.
        weight: Float of at least 0: weight of the angular loss. Defaults to `2.0`, of the paper.
        l2: As in `NPairLoss`. Defaults to `0.0`.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"n_pair_angular_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`, which the angular part normalises and the N-pair part does not.

    Formula: `NPairLoss + weight · AngularLoss`, of each anchor.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.eye(2)[[0, 0, 1, 1]]
    >>> round(float(tfdml.losses.NPairAngularLoss()(labels, embeddings)), 4)  # log(1 + 2 / e) + 2 · 0.036
    0.6234

    Reference: Wang et al., Deep Metric Learning with Angular Loss, ICCV 2017.
    """

    def __init__(
        self,
        alpha=45.0,
        weight=2.0,
        l2=0.0,
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="n_pair_angular_loss",
        dtype=None,
    ):
        super().__init__(mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype)
        self.angular = AngularLoss(alpha, average="anchors", mining=mining, dtype=dtype)
        self.n_pair = NPairLoss(l2, mining=mining, dtype=dtype)
        self.weight = check_number("weight", weight, minimum=0)

    def query_losses(self, *args, **kwargs):
        return self.n_pair.query_losses(*args, **kwargs) + self.weight * self.angular.query_losses(
            *args, **kwargs
        )

    def get_config(self):
        own = {"alpha": self.angular.alpha, "weight": self.weight, "l2": self.n_pair.l2}
        return {**super().get_config(), **own}


def angular_sums(queries, keys, positive, negative, slope):
    """Sum over the positives of each query of its angular losses, `(queries,)`.

    The sum over negatives is another one for every pair. Pairs are taken by turns, one a row, and once more
    in the gradient: no more than a matrix of queries and keys is held.
    """

    def pair(taken, queries, keys, negative):
        partner = ops.argmax(taken, axis=1)
        partners = ops.take(keys, partner, axis=0)
        logits = 4 * slope * ops.matmul(queries + partners, ops.transpose(keys))
        rest = log_sum_exp(logits, negative)
        gap = rest - 2 * (1 + slope) * ops.sum(queries * partners, axis=1)
        return partner, partners, logits, rest, gap

    @ops.custom_gradient
    def sums(queries, keys, positive, negative):
        def add(taken, total):
            gap = pair(taken, queries, keys, negative)[-1]
            return (total + ops.where(ops.any(taken, axis=1), ops.softplus(gap), 0),)

        def grad(*args, upstream=None):
            if upstream is None:
                (upstream,) = args

            def push(taken, to_queries, to_keys):
                partner, partners, logits, rest, gap = pair(taken, queries, keys, negative)
                weight = ops.where(ops.any(taken, axis=1), upstream * ops.sigmoid(gap), 0)[:, None]
                share = ops.where(negative, ops.exp(ops.where(negative, logits - rest[:, None], 0)), 0)
                away = 4 * slope * weight * ops.matmul(share, keys)
                to_partners = away - 2 * (1 + slope) * weight * queries
                to_negatives = 4 * slope * ops.matmul(ops.transpose(share), weight * (queries + partners))
                to_keys = to_keys + to_negatives
                to_keys = to_keys + ops.segment_sum(to_partners, partner, num_segments=ops.shape(keys)[0])
                return to_queries + away - 2 * (1 + slope) * weight * partners, to_keys

            to_both = by_turns(positive, push, (ops.zeros_like(queries), ops.zeros_like(keys)))
            return *to_both, None, None

        return by_turns(positive, add, (ops.zeros_like(queries[:, 0]),))[0], grad

    return sums(queries, keys, ops.convert_to_tensor(positive), ops.convert_to_tensor(negative))
