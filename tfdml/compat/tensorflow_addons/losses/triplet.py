"""Triplet losses with semi-hard and with hard negatives."""

import keras
from keras import ops

from tfdml.compat.tensorflow_addons.losses.base import AddonsLoss, in_float32, label_column
from tfdml.compat.tensorflow_addons.losses.metric_learning import distance_matrix
from tfdml.losses.triplet import hinge
from tfdml.ops import gather_rows, pair_masks, semi_hard_negatives


@keras.saving.register_keras_serializable(package="Addons")
def triplet_semihard_loss(y_true, y_pred, margin=1.0, distance_metric="L2"):
    """Each positive pair with the nearest negative that is farther, or else with the farthest.

    Args:
        y_true: Labels `(batch,)` or `(batch, 1)`.
        y_pred: Embeddings `(batch, dim)`.
        margin: Float. Defaults to `1.0`.
        distance_metric: `"L2"`, `"squared-L2"`, `"angular"`, or a function from embeddings `(batch, dim)` to
            distances `(batch, batch)`. Defaults to `"L2"`.

    Output: a number: the mean over all positive pairs. 0 if there is none, where Addons gives NaN. An anchor
        without a negative is compared with its own nearest, usually itself, as in Addons.

    Example:

    >>> from tfdml.compat import tensorflow_addons as tfa
    >>> labels, embeddings = np.array([0, 0]), np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> round(float(tfa.losses.triplet_semihard_loss(labels, embeddings)), 4)
    2.4142
    """
    distance, positive, negative, dtype = _pairs(y_true, y_pred, distance_metric)
    chosen = gather_rows(distance, semi_hard_negatives(distance, positive, negative))
    nearest = ops.min(distance, axis=1, keepdims=True)
    chosen = ops.where(ops.any(negative, axis=1, keepdims=True), chosen, nearest)
    terms = ops.where(positive, hinge(distance - chosen, margin), 0)
    pairs = ops.sum(ops.cast(positive, terms.dtype))
    return ops.cast(ops.sum(terms) / ops.maximum(pairs, 1), dtype)


@keras.saving.register_keras_serializable(package="Addons")
def triplet_hard_loss(y_true, y_pred, margin=1.0, soft=False, distance_metric="L2"):
    """Each anchor's farthest positive with its nearest negative.

    Args:
        y_true: Labels `(batch,)` or `(batch, 1)`.
        y_pred: Embeddings `(batch, dim)`.
        margin: Float. Defaults to `1.0`.
        soft: Whether to take `log(1 + exp(gap))` of the gap between the two distances in place of the hinge.
            Defaults to `False`.
        distance_metric: As in `triplet_semihard_loss`. Defaults to `"L2"`.

    Output: a number: the mean over all anchors. As in Addons an anchor without a positive takes its own
        nearest for it, usually itself, and one without a negative its farthest. A soft loss of a large gap is
        finite, where Addons gives infinity.

    Example:

    >>> from tfdml.compat import tensorflow_addons as tfa
    >>> labels, embeddings = np.array([0, 0]), np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> float(tfa.losses.triplet_hard_loss(labels, embeddings))
    1.0
    """
    distance, positive, negative, dtype = _pairs(y_true, y_pred, distance_metric)
    nearest = _masked(ops.min, ops.max, distance, negative, float("inf"))
    farthest = _masked(ops.max, ops.min, distance, positive, -float("inf"))
    return ops.cast(ops.mean(hinge(farthest - nearest, "soft" if soft else margin)), dtype)


@keras.saving.register_keras_serializable(package="Addons")
class TripletSemiHardLoss(AddonsLoss):
    """Triplet loss with semi-hard negatives, one number for the batch.

    Args:
        margin, distance_metric: As in `triplet_semihard_loss`. Register a function with Keras if the loss is
            to be saved.
        name: Name of the loss. Defaults to `None`.
        kwargs: Taken and left alone, as in Addons: `reduction` among them.

    Example:

    >>> from tfdml.compat import tensorflow_addons as tfa
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), keras.layers.UnitNormalization()])
    >>> model.compile("adam", loss=tfa.losses.TripletSemiHardLoss(margin=0.2))
    >>> x, labels = np.random.default_rng(0).normal(size=(32, 8)), np.arange(32) % 8
    >>> history = model.fit(x, labels, verbose=0)

    Reference: Schroff et al., FaceNet, CVPR 2015.
    """

    def __init__(self, margin=1.0, distance_metric="L2", name=None, **kwargs):
        super().__init__(
            triplet_semihard_loss,
            name,
            kwargs.get("dtype"),
            margin=margin,
            distance_metric=_revived(distance_metric),
        )


@keras.saving.register_keras_serializable(package="Addons")
class TripletHardLoss(AddonsLoss):
    """Triplet loss of farthest positives and nearest negatives, one number for the batch.

    Args:
        margin, soft, distance_metric: As in `triplet_hard_loss`. Register a function with Keras if the loss
            is to be saved.
        name: Name of the loss. Defaults to `None`.
        kwargs: Taken and left alone, as in Addons: `reduction` among them.

    Example:

    >>> from tfdml.compat import tensorflow_addons as tfa
    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.array([[0.0], [1.0], [1.5], [3.0]])
    >>> float(tfa.losses.TripletHardLoss(margin=0.5)(labels, embeddings))
    0.625

    Reference: Hermans et al., In Defense of the Triplet Loss for Person Re-Identification, 2017.
    """

    def __init__(self, margin=1.0, soft=False, distance_metric="L2", name=None, **kwargs):
        super().__init__(
            triplet_hard_loss,
            name,
            kwargs.get("dtype"),
            margin=margin,
            soft=soft,
            distance_metric=_revived(distance_metric),
        )


def _pairs(y_true, y_pred, distance_metric):
    labels, (embeddings, dtype) = label_column(y_true), in_float32(y_pred)
    distance = distance_matrix(embeddings, distance_metric)
    return distance, *pair_masks(labels, labels, same_set=True), dtype


def _masked(best, otherwise, distance, mask, filler):
    """`best` of the distances in the mask; in rows without any, `otherwise` of all, as Addons has it."""
    found = ops.any(mask, axis=1)
    chosen = best(ops.where(mask, distance, filler), axis=1)
    return ops.where(found, ops.where(found, chosen, 0), otherwise(distance, axis=1))


def _revived(distance_metric):
    if isinstance(distance_metric, dict):
        return keras.saving.deserialize_keras_object(distance_metric)
    return distance_metric
