"""Contrastive loss on distances of pairs."""

import keras
from keras import ops

from tfdml.losses import contrastive


@keras.saving.register_keras_serializable(package="Addons")
def contrastive_loss(y_true, y_pred, margin=1.0):
    """Squared distance of a positive pair; squared hinge of the margin of a negative one.

    Args:
        y_true: 1 for a pair of one class, 0 for a pair of two, `(pairs,)`.
        y_pred: Distances of the pairs, the same shape.
        margin: Float. Defaults to `1.0`.

    Output: `(pairs,)`.

    Example:

    >>> from tfdml.compat import tensorflow_addons as tfa
    >>> values = tfa.losses.contrastive_loss(np.array([1, 0]), np.array([0.5, 0.25]))
    >>> keras.ops.convert_to_numpy(values).tolist()
    [0.25, 0.5625]
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    pulled, pushed = (contrastive(y_pred, same, negative_margin=margin) for same in (True, False))
    return ops.cast(y_true * pulled + (1 - y_true) * pushed, y_pred.dtype)


@keras.saving.register_keras_serializable(package="Addons")
class ContrastiveLoss(keras.losses.Loss):
    """Contrastive loss on distances of given pairs: see `contrastive_loss`.

    Args:
        margin: Float. Defaults to `1.0`.
        reduction: As in `keras.losses.Loss`, and `"auto"`, which is `"sum_over_batch_size"`. Defaults to
            `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"contrastive_loss"`.

    Example:

    >>> from tfdml.compat import tensorflow_addons as tfa
    >>> float(tfa.losses.ContrastiveLoss()(np.array([1, 0]), np.array([0.5, 0.25])))
    0.40625

    Reference: Hadsell et al., Dimensionality Reduction by Learning an Invariant Mapping, CVPR 2006.
    """

    def __init__(self, margin=1.0, reduction="sum_over_batch_size", name="contrastive_loss", dtype=None):
        reduction = "sum_over_batch_size" if reduction == "auto" else reduction
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = margin

    def call(self, y_true, y_pred):
        return contrastive_loss(y_true, y_pred, self.margin)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "dtype": self.dtype}
