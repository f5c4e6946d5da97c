"""Soft nearest neighbour loss: the share of an anchor's neighbourhood that is of its class."""

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.arguments import check_distance, distance_config
from tfdml.losses.average import average_terms
from tfdml.losses.base import MetricLoss
from tfdml.losses.cosines import cosines
from tfdml.ops import log_sum_exp, pairwise_distances


@keras.saving.register_keras_serializable(package="tfdml")
class SoftNearestNeighborLoss(MetricLoss):
    """Minus log probability that a neighbour drawn by its distance is of the anchor's class.

    One near positive is enough: a class may have several clusters. This is neighbourhood components
    analysis (NCA) with a temperature.

    Args:
        temperature: Float above 0 that divides distances: the smaller, the fewer neighbours count.
            Defaults to `0.05`, of Wu et al. (2018) for cosines.
        distance: `"cosine"`, `"euclidean"`, `"squared_euclidean"`, or a function of queries `(queries, dim)`
            and keys `(keys, dim)` that gives `(queries, keys)`; register the function with Keras if the
            loss is to be saved. Defaults to `"cosine"`; Frosst et al. have `"squared_euclidean"`, which for
            unit embeddings is twice that.
        average: `"terms"`: all anchors with a positive count alike. `"anchors"`: those without one count as
            well, as 0. Defaults to `"terms"`.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"soft_nearest_neighbor_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`; of any norm, if the distance is the cosine distance.

    Formula: `-log(sum_p exp(-d(a, p) / temperature) / sum_k exp(-d(a, k) / temperature))` over the positives
    `p` and all keys `k` of an anchor.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.ones((4, 2))
    >>> round(float(tfdml.losses.SoftNearestNeighborLoss()(labels, embeddings)), 4)  # log(3)
    1.0986

    Reference:
        Frosst et al., Analyzing and Improving Representations with the Soft Nearest Neighbor Loss, ICML 2019;
        Goldberger et al., Neighbourhood Components Analysis, NIPS 2004;
        Wu et al., Improving Generalization via Scalable Neighborhood Component Analysis, ECCV 2018.
    """

    averages = ("terms", "anchors")

    def __init__(
        self,
        temperature=0.05,
        distance="cosine",
        average="terms",
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="soft_nearest_neighbor_loss",
        dtype=None,
    ):
        super().__init__(
            average=average, mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype
        )
        self.temperature = check_number("temperature", temperature, above=0)
        self.distance = check_distance(distance)
        self.directions = distance == "cosine"

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        if self.directions:
            distance = 1 - cosines(queries, keys)
        else:
            distance = pairwise_distances(queries, keys, self.distance)
        logits = -distance / self.temperature
        positive, negative = self.pairs(queries, query_labels, keys, key_labels, same_set)
        valid = ops.any(positive, axis=1)
        # log((P + N) / P), from the difference of two logarithms: neither P nor N may be a number.
        gaps = log_sum_exp(logits, negative) - log_sum_exp(logits, positive)
        values = ops.where(valid, ops.softplus(ops.where(valid, gaps, 0)), 0)
        return average_terms(values, valid, values > 0, self.average)

    def get_config(self):
        own = {"temperature": self.temperature, "distance": distance_config(self.distance)}
        return {**super().get_config(), **own}
