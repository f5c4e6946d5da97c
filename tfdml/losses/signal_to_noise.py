"""Signal-to-noise contrastive loss: differences measured against the variance of the anchor."""

import keras
from keras import ops

from tfdml.losses.contrastive import ContrastiveLoss
from tfdml.ops import at_least_float32, squared_euclidean


@keras.saving.register_keras_serializable(package="tfdml")
class SignalToNoiseContrastiveLoss(ContrastiveLoss):
    """A contrastive loss on the variance of a difference over the variance of the anchor.

    An embedding is a signal along its coordinates, and what tells two of them apart is noise. The variance is
    taken about the mean of the coordinates: unlike other losses this one changes if the axes are rotated.

    Args:
        positive_margin: Float of at least 0: positives with a smaller ratio are left alone.
            Defaults to `0.0`.
        negative_margin: Float above 0: negatives with a larger ratio are left alone. Defaults to `1.0`.
        power: As in `ContrastiveLoss`. Defaults to `1`.
        average: As in `ContrastiveLoss`. Defaults to `"nonzero"`.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"signal_to_noise_contrastive_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`.

    Formula: `max(0, r - positive_margin)` of a positive pair and `max(0, negative_margin - r)` of a negative
    one, with `r = var(k - a) / var(a)` of the anchor `a` and its key `k`, over the coordinates.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1]), np.array([[1.0, -1.0], [2.0, -2.0], [1.0, -1.0]])
    >>> loss = tfdml.losses.SignalToNoiseContrastiveLoss()
    >>> round(float(loss(labels, embeddings)), 4)  # means of 1 and 1/4, and of 1, 3/4 and 1
    1.5417

    Reference:
        Yuan et al., Signal-to-Noise Ratio: A Robust Distance Metric for Deep Metric Learning, CVPR 2019.
    """

    def __init__(
        self,
        positive_margin=0.0,
        negative_margin=1.0,
        power=1,
        average="nonzero",
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="signal_to_noise_contrastive_loss",
        dtype=None,
    ):
        super().__init__(
            positive_margin=positive_margin,
            negative_margin=negative_margin,
            power=power,
            distance=noise_to_signal,
            average=average,
            mining=mining,
            tile=tile,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )

    def get_config(self):
        config = super().get_config()
        del config["distance"]
        return config


@keras.saving.register_keras_serializable(package="tfdml")
def noise_to_signal(queries, keys):
    """`var(key - query) / var(query)` along the coordinates, `(queries, keys)`; 0 for a constant query."""
    queries, keys = at_least_float32(queries), at_least_float32(keys)
    sizes = ops.sum(ops.square(queries), axis=1, keepdims=True)
    queries, keys = (x - ops.mean(x, axis=1, keepdims=True) for x in (queries, keys))
    signal = ops.sum(ops.square(queries), axis=1, keepdims=True)
    usable = signal > 1e-6 * sizes
    return ops.where(usable, squared_euclidean(queries, keys) / ops.where(usable, signal, 1), 0)
