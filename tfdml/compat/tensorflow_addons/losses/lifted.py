"""Lifted structured loss."""

import keras
from keras import ops

from tfdml.compat.tensorflow_addons.losses.base import AddonsLoss, in_float32, label_column
from tfdml.compat.tensorflow_addons.losses.metric_learning import pairwise_distance
from tfdml.losses import lifted_structure
from tfdml.ops import pair_masks


@keras.saving.register_keras_serializable(package="Addons")
def lifted_struct_loss(labels, embeddings, margin=1.0):
    """Each positive pair against all negatives of both its samples.

    Args:
        labels: Labels `(batch,)` or `(batch, 1)`.
        embeddings: `(batch, dim)`, not normalised.
        margin: Float. Defaults to `1.0`.

    Output: a number, the mean over positive pairs. 0 for a batch without a positive pair or without a
        negative one, where Addons gives NaN.

    Example:

    >>> from tfdml.compat import tensorflow_addons as tfa
    >>> labels, embeddings = np.array([0, 0, 1]), np.array([[0.0], [1.0], [1.0]])
    >>> round(float(tfa.losses.lifted_struct_loss(labels, embeddings)), 4)
    2.6756
    """
    labels, (embeddings, dtype) = label_column(labels), in_float32(embeddings)
    positive, negative = pair_masks(labels, labels, same_set=True)
    terms = lifted_structure(pairwise_distance(embeddings), positive, negative, margin, same_set=True)
    pairs = ops.sum(ops.cast(positive, terms.dtype))
    return ops.cast(ops.sum(terms) / ops.maximum(pairs, 1), dtype)


@keras.saving.register_keras_serializable(package="Addons")
class LiftedStructLoss(AddonsLoss):
    """Lifted structured loss, one number for the batch: see `lifted_struct_loss`.

    Args:
        margin: Float. Defaults to `1.0`.
        name: Name of the loss. Defaults to `None`.
        kwargs: Taken and left alone, as in Addons: `reduction` among them.

    Example:

    >>> from tfdml.compat import tensorflow_addons as tfa
    >>> loss = tfa.losses.LiftedStructLoss(margin=1.0)
    >>> round(float(loss(np.array([0, 0, 1]), np.array([[0.0], [1.0], [1.0]]))), 4)
    2.6756

    Reference: Song et al., Deep Metric Learning via Lifted Structured Feature Embedding, CVPR 2016.
    """

    def __init__(self, margin=1.0, name=None, **kwargs):
        super().__init__(lifted_struct_loss, name, kwargs.get("dtype"), margin=margin)
