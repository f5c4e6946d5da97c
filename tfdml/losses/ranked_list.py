"""Ranked list loss: positives within a sphere, negatives outside it, a margin apart."""

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.arguments import check_distance, distance_config
from tfdml.losses.base import MetricLoss
from tfdml.ops import log_sum_exp, pairwise_distances


@keras.saving.register_keras_serializable(package="tfdml")
class RankedListLoss(MetricLoss):
    """Pulls an anchor's positives within a radius and pushes its negatives beyond a larger one.

    Positives and negatives are averaged apart, and only over those that are on the wrong side, so that
    the many negatives do not drown the few positives. The nearest negatives weigh most.

    Args:
        margin: Float of at least 0: what lies between the two radii. Defaults to `0.4`, of the paper.
        alpha: Float above 0: the radius that negatives are pushed beyond. Defaults to `1.2`, of the paper.
        negative_temperature: Float of at least 0: how much the nearest negatives outweigh the others.
            Defaults to `10.0`, of the paper.
        positive_temperature: Float of at least 0: how much the farthest positives outweigh the others.
            Defaults to `0.0`, all alike, of the paper.
        balance: Float from 0 to 1: the share of the negatives. Defaults to `0.5`, of the paper.
        distance: `"euclidean"`, `"squared_euclidean"`, `"cosine"`, or a function of queries `(queries, dim)`
            and keys `(keys, dim)` that gives `(queries, keys)`; register the function with Keras if the
            loss is to be saved. Defaults to `"euclidean"`.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"ranked_list_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`. The defaults are for embeddings that the model normalises.

    Formula: `(1 - balance) · mean_p(d_p - alpha + margin) + balance · mean_n(alpha - d_n)` over the positives
    and negatives of an anchor for which the term is above zero, with weights `exp(temperature · term)`.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1]), np.array([[0.0], [1.0], [1.0]])
    >>> round(float(tfdml.losses.RankedListLoss()(labels, embeddings)), 3)  # 0.2, 0.7 and 0.6
    0.5

    Reference: Wang et al., Ranked List Loss for Deep Metric Learning, CVPR 2019 and TPAMI 2021.
    """

    def __init__(
        self,
        margin=0.4,
        alpha=1.2,
        negative_temperature=10.0,
        positive_temperature=0.0,
        balance=0.5,
        distance="euclidean",
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="ranked_list_loss",
        dtype=None,
    ):
        super().__init__(mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype)
        self.margin = check_number("margin", margin, minimum=0)
        self.alpha = check_number("alpha", alpha, above=0)
        self.negative_temperature = check_number("negative_temperature", negative_temperature, minimum=0)
        self.positive_temperature = check_number("positive_temperature", positive_temperature, minimum=0)
        self.balance = check_number("balance", balance, minimum=0)
        if balance > 1:
            raise ValueError(f"Expected balance to be a number of at most 1, received: {balance!r}")
        self.distance = check_distance(distance)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        distance = pairwise_distances(queries, keys, self.distance)
        positive, negative = self.pairs(queries, query_labels, keys, key_labels, same_set)
        pull = mean_above_zero(distance - self.alpha + self.margin, positive, self.positive_temperature)
        push = mean_above_zero(self.alpha - distance, negative, self.negative_temperature)
        return (1 - self.balance) * pull + self.balance * push

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "alpha": self.alpha,
            "negative_temperature": self.negative_temperature,
            "positive_temperature": self.positive_temperature,
            "balance": self.balance,
            "distance": distance_config(self.distance),
        }


def mean_above_zero(terms, used, temperature):
    """Mean of the used terms of each row that are above zero, weighted by `exp(temperature · term)`."""
    used = used & (terms > 0)
    logits = temperature * terms
    total = log_sum_exp(logits, used)[:, None]
    weights = ops.exp(ops.where(used, logits - total, 0))
    return ops.sum(ops.where(used, weights * terms, 0), axis=1)
