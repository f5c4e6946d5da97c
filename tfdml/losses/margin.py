"""Margin loss, with negatives drawn by their distance."""

import keras
from keras import ops

from tfdml.checks import check_name, check_number
from tfdml.losses.average import average_terms
from tfdml.losses.base import MetricLoss
from tfdml.losses.cosines import unit
from tfdml.ops import euclidean, inverse_density, normalized_weights


@keras.saving.register_keras_serializable(package="tfdml")
class MarginLoss(MetricLoss):
    """Positives within one distance, negatives beyond it, with as many negatives as positives.

    An anchor has one negative for each of its positives, drawn such that all distances are equally likely:
    with a probability inverse to the density of distances on the sphere. The loss is the expected value of
    such a draw, so that it is the same for the same batch. The probabilities are constants in the gradient,
    as they are when one draws.

    Args:
        margin: Float of at least 0: how far within `beta` positives, and beyond it negatives, are to be.
            Defaults to `0.2`, of the paper.
        beta: Float above 0: the distance that tells positives from negatives. Defaults to `1.2`, of the
            paper.
        sampling: `"distance"` as above, or `"uniform"`: every negative is as likely. Defaults to
            `"distance"`.
        average: `"nonzero"`: all pairs of the batch above zero count alike. `"terms"`: all pairs do.
            `"anchors"`: each anchor has the mean of its pairs, and all anchors count alike.
            Defaults to `"nonzero"`, as in the paper.
        nearest: Float above 0: negatives nearer than this are as likely as if they were there; only for
            `"distance"`. Defaults to `1.2`. The paper has 0.5, with pretrained networks: in 128 dimensions
            one negative at 0.5 outweighs any number beyond 1, and a network that starts from scratch sees
            nothing but its outliers.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"margin_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`, of any norm: they are normalised here.

    Formula: `sum_p max(0, d_p - beta + margin) + P sum_n w_n max(0, beta + margin - d_n)` for an anchor with
    `P` positives, over the number of these pairs that are above zero, where negatives count by `w_n`. Of
    negatives with `d < beta + margin`, `w` is inverse to `d^(dim - 2) (1 - d²/4)^((dim - 3) / 2)`, at
    `max(d, nearest)`, and sums to 1.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.eye(3)[[0, 0, 1, 2]]
    >>> loss = tfdml.losses.MarginLoss(margin=0.2, beta=1.4)
    >>> round(float(loss(labels, embeddings)), 4)  # 1.6 - √2 of 4 negatives, √2 - 1.2 of 2 positives
    0.1953

    Reference: Wu et al., Sampling Matters in Deep Embedding Learning, ICCV 2017.
    """

    directions = True
    averages = ("nonzero", "terms", "anchors")

    def __init__(
        self,
        margin=0.2,
        beta=1.2,
        sampling="distance",
        average="nonzero",
        nearest=1.2,
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="margin_loss",
        dtype=None,
    ):
        super().__init__(
            average=average, mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype
        )
        self.margin = check_number("margin", margin, minimum=0)
        self.beta = check_number("beta", beta, above=0)
        self.sampling = check_name("sampling", sampling, ("distance", "uniform"))
        self.nearest = check_number("nearest", nearest, above=0)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        distance = euclidean(unit(queries), unit(keys))
        positive, negative = self.pairs(queries, query_labels, keys, key_labels, same_set)
        positive = positive & ops.any(negative, axis=1, keepdims=True)
        number = ops.sum(ops.cast(positive, distance.dtype), axis=1)
        log_weights, possible = ops.zeros_like(distance), negative
        if self.sampling == "distance":
            log_weights, possible = (
                inverse_density(distance, queries.shape[1], self.nearest),
                negative & (distance < self.beta + self.margin),
            )
        weights = number[:, None] * normalized_weights(log_weights, possible)
        pull = ops.where(positive, ops.relu(distance - self.beta + self.margin), 0)
        push = ops.relu(self.beta + self.margin - distance)
        above = ops.cast(pull > 0, distance.dtype) + ops.where(push > 0, weights, 0)
        total, above = ops.sum(pull + weights * push, axis=1), ops.sum(above, axis=1)
        return average_terms(total, 2 * number, above, self.average)

    def get_config(self):
        own = {"margin": self.margin, "beta": self.beta, "sampling": self.sampling, "nearest": self.nearest}
        return {**super().get_config(), **own}
