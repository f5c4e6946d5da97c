"""Triplet losses in O(batch² log batch) time and O(batch²) memory: no triplet is ever formed."""

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.arguments import check_distance, distance_config
from tfdml.losses.average import average_terms
from tfdml.losses.base import MetricLoss
from tfdml.losses.mining import mining_config
from tfdml.ops import gather_rows, hinge_sums, pair_masks, pairwise_distances, semi_hard_negatives


@keras.saving.register_keras_serializable(package="tfdml")
class TripletLoss(MetricLoss):
    """Pulls an anchor's positives closer to it than its negatives.

    Args:
        margin: Float of at least 0, in the units of the distance, or `"soft"`: the hinge becomes
            `softplus(d(a, p) - d(a, n))`, which never ends to pull (not with `mining="all"`).
            Defaults to `0.1`, near the values that Musgrave et al. (2020) found best by search for unit
            embeddings (0.10 on CUB-200, 0.12 on Cars196, 0.05 on Stanford Online Products).
        distance: `"euclidean"`, `"squared_euclidean"`, `"cosine"`, or a function of queries `(queries, dim)`
            and keys `(keys, dim)` that gives `(queries, keys)`; register the function with Keras if the
            loss is to be saved. Defaults to `"euclidean"`.
        mining: Which triplets of the batch count. `"all"`: every one. `"hard"`: for each anchor its
            farthest positive with its nearest negative. `"semi_hard"`: each positive pair with the nearest
            negative that is farther than the positive, or the farthest negative if none is. Else as in
            `MetricLoss`: all triplets of the pairs that are left. Defaults to `"all"`.
        average: `"anchors"`, `"terms"` or `"nonzero"`, as `MetricLoss` explains. Defaults to `None`: what
            the source of the mining does, which is `"anchors"` for hard, `"terms"` for semi-hard and
            `"nonzero"` else.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"triplet_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`. Normalise them in the model if they should lie on a sphere.

    Formula: `max(0, d(a, p) - d(a, n) + margin)` averaged over triplets of an anchor `a`, a positive `p`
    (another sample of its label) and a negative `n`. Anchors without a triplet have loss 0.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.array([[0.0], [1.0], [1.5], [3.0]])
    >>> float(tfdml.losses.TripletLoss(margin=0.5, mining="hard")(labels, embeddings))
    0.625

    ```python
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), keras.layers.UnitNormalization()])
    model.compile("adam", loss=tfdml.losses.TripletLoss(margin=0.2, mining="semi_hard"))
    images, labels = np.random.default_rng(0).normal(size=(32, 8)), np.arange(32) % 8
    history = model.fit(images, labels, verbose=0)
    ```

    Reference:
        Schroff et al., FaceNet, CVPR 2015 (semi-hard); Hermans et al., In Defense of the Triplet Loss,
        2017 (hard, soft margin, average over nonzero terms); Musgrave et al., A Metric Learning Reality
        Check, ECCV 2020 (margins).
    """

    averages = ("anchors", "terms", "nonzero")

    def __init__(
        self,
        margin=0.1,
        distance="euclidean",
        mining="all",
        average=None,
        tile="auto",
        reduction="sum_over_batch_size",
        name="triplet_loss",
        dtype=None,
    ):
        self.terms_of, usual = all_triplets, "nonzero"
        if isinstance(mining, str) and mining in OWN_MINING:
            self.terms_of, usual = OWN_MINING[mining]
        average = usual if average is None else average
        super().__init__(
            average=average, mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype
        )
        self.margin = margin if margin == "soft" else check_margin(margin)
        if margin == "soft" and self.terms_of is all_triplets:
            raise ValueError(
                f"Expected mining to be 'hard' or 'semi_hard' if margin='soft', received: {mining!r}"
            )
        self.distance = check_distance(distance)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        distance = pairwise_distances(queries, keys, self.distance)
        if self.terms_of is all_triplets:
            positive, negative = self.pairs(queries, query_labels, keys, key_labels, same_set)
        else:
            positive, negative = pair_masks(query_labels, key_labels, same_set)
        return average_terms(*self.terms_of(distance, positive, negative, self.margin), self.average)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "distance": distance_config(self.distance),
            "mining": mining_config(self.mining),
        }


def check_margin(margin):
    """The margin, if it is a number from 0."""
    if isinstance(margin, str):
        raise ValueError(f"Expected margin to be a number of at least 0 or 'soft', received: {margin!r}")
    return check_number("margin", margin, minimum=0)


def all_triplets(distance, positive, negative, margin):
    """Sum, number and number above zero of the hinges of each query over all its triplets."""
    total, active = hinge_sums(distance, positive, negative, margin)
    return total, _count(positive) * _count(negative), active


def hard_triplets(distance, positive, negative, margin):
    """The same of the one triplet of each query's farthest positive and nearest negative."""
    valid = ops.any(positive, axis=1) & ops.any(negative, axis=1)
    farthest = ops.max(ops.where(positive, distance, -float("inf")), axis=1)
    nearest = ops.min(ops.where(negative, distance, float("inf")), axis=1)
    # Both are guarded before they are subtracted: a difference of infinities has no gradient.
    gap = ops.where(valid, farthest, 0) - ops.where(valid, nearest, 0)
    return _sums(hinge(gap, margin)[:, None], valid[:, None])


def semi_hard_triplets(distance, positive, negative, margin):
    """The same of one triplet for each positive pair, with the nearest negative farther than the positive."""
    valid = positive & ops.any(negative, axis=1, keepdims=True)
    chosen = gather_rows(distance, semi_hard_negatives(distance, positive, negative))
    return _sums(hinge(distance - chosen, margin), valid)


def hinge(gap, margin):
    """`max(0, gap + margin)`, or `log(1 + exp(gap))` where the margin is `"soft"`."""
    return ops.softplus(gap) if margin == "soft" else ops.relu(gap + margin)


def _sums(terms, valid):
    terms = ops.where(valid, terms, 0)
    return ops.sum(terms, axis=1), _count(valid), _count(terms > 0)


def _count(mask):
    return ops.sum(ops.cast(mask, "float32"), axis=1)


# What to do where triplets are more than the pairs of an anchor put together, and how its source averages.
OWN_MINING = {
    "hard": (hard_triplets, "anchors"),
    "semi_hard": (semi_hard_triplets, "terms"),
}
