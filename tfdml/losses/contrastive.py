"""Contrastive loss over the pairs of a batch."""

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.arguments import check_distance, distance_config
from tfdml.losses.average import average_terms
from tfdml.losses.base import MetricLoss
from tfdml.ops import at_least_float32, pairwise_distances


@keras.saving.register_keras_serializable(package="tfdml")
class ContrastiveLoss(MetricLoss):
    """Pulls positive pairs within one distance and pushes negative pairs beyond another.

    Args:
        positive_margin: Float of at least 0: positives nearer than this are left alone.
            Defaults to `0.25`.
        negative_margin: Float above 0: negatives farther than this are left alone. Defaults to `0.5`.
            Both defaults are near the values that Musgrave et al. (2020) found best by search for unit
            embeddings (0.27 and 0.54 on Cars196, 0.29 and 0.51 on Stanford Online Products).
        power: `1` or `2`: the power that hinges are raised to. Defaults to `1`; Hadsell et al. have `2`
            with margins 0 and 1.
        distance: `"euclidean"`, `"squared_euclidean"`, `"cosine"`, or a function of queries `(queries, dim)`
            and keys `(keys, dim)` that gives `(queries, keys)`; register the function with Keras if the
            loss is to be saved. Defaults to `"euclidean"`.
        average: `"nonzero"`: the mean of the positive pairs above zero plus the mean of the negative
            pairs above zero, so that the many negatives do not drown the few positives. `"terms"`: the
            mean over all pairs of the batch. `"anchors"`: the mean over each anchor's pairs, and all
            anchors count alike. Defaults to `"nonzero"`.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"contrastive_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`.

    Formula: `max(0, d - positive_margin) ** power` of a positive pair at distance `d`, and
    `max(0, negative_margin - d) ** power` of a negative one.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1]), np.array([[0.0], [0.5], [0.75]])
    >>> float(tfdml.losses.ContrastiveLoss()(labels, embeddings))
    0.5

    Reference:
        Hadsell et al., Dimensionality Reduction by Learning an Invariant Mapping, CVPR 2006;
        Musgrave et al., A Metric Learning Reality Check, ECCV 2020.
    """

    averages = ("nonzero", "terms", "anchors")

    def __init__(
        self,
        positive_margin=0.25,
        negative_margin=0.5,
        power=1,
        distance="euclidean",
        average="nonzero",
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="contrastive_loss",
        dtype=None,
    ):
        super().__init__(
            average=average, mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype
        )
        self.positive_margin = check_number("positive_margin", positive_margin, minimum=0)
        self.negative_margin = check_number("negative_margin", negative_margin, above=0)
        if power not in (1, 2):
            raise ValueError(f"Expected power to be 1 or 2, received: {power!r}")
        self.power = power
        self.distance = check_distance(distance)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        distance = pairwise_distances(queries, keys, self.distance)
        positive, negative = self.pairs(queries, query_labels, keys, key_labels, same_set)
        # Each kind by itself: one hinge for both, and then two choices from it, takes longer on the way back.
        near = self._terms(positive, distance - self.positive_margin)
        far = self._terms(negative, self.negative_margin - distance)
        if self.average == "nonzero":
            return self._average(near, positive) + self._average(far, negative)
        return self._average(near + far, positive | negative)

    def _terms(self, used, excess):
        hinges = ops.relu(ops.where(used, excess, 0))
        return hinges if self.power == 1 else ops.square(hinges)

    def _average(self, terms, used):
        nonzero = ops.sum(ops.cast(terms > 0, terms.dtype), axis=1)
        used = ops.sum(ops.cast(used, terms.dtype), axis=1)
        return average_terms(ops.sum(terms, axis=1), used, nonzero, self.average)

    def get_config(self):
        return {
            **super().get_config(),
            "positive_margin": self.positive_margin,
            "negative_margin": self.negative_margin,
            "power": self.power,
            "distance": distance_config(self.distance),
        }


def contrastive(distance, is_positive, positive_margin=0.0, negative_margin=1.0, power=2):
    """Contrastive loss of each pair from its distance, of any shape; the defaults are Hadsell's.

    Example:

    >>> keras.ops.convert_to_numpy(tfdml.losses.contrastive([0.5, 0.5], [True, False])).tolist()
    [0.25, 0.25]
    """
    distance = at_least_float32(distance)
    hinges = ops.relu(ops.where(is_positive, distance - positive_margin, negative_margin - distance))
    return hinges if power == 1 else ops.square(hinges)
