"""AdaCos: normalised softmax whose scale follows from the number of classes, and from how training goes."""

import math

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.class_loss import ClassLoss, class_cross_entropy, of_own
from tfdml.ops import at_least_float32, log_sum_exp


@keras.saving.register_keras_serializable(package="tfdml")
class AdaCosLoss(ClassLoss):
    """Cross-entropy of scaled cosines without a parameter: the scale follows from the number of classes.

    This is AdaCos with its fixed scale. The scale that changes while training is state, and so a matter of
    a layer: `tfdml.layers.CosineHead(scale="adaptive")`, whose logits go to `AdaCosLoss(scale=1)` or any
    other cross-entropy of logits.

    Args:
        scale: Float above 0 that multiplies cosines, or `None`: `sqrt(2) log(classes - 1)`, at which a
            sample whose angle to its class is 45 degrees gains most. Defaults to `None`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"ada_cos_loss"`.
        dtype: As in `ClassLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Cosines `(batch, classes)`, as `tfdml.layers.Proxies` gives them.

    Formula: `-log(exp(scale s_y) / sum_j exp(scale s_j))` of the cosines `s` to the classes `j`, `y` its own.

    Example:

    >>> cosines = np.eye(10)
    >>> round(float(tfdml.losses.AdaCosLoss()(np.arange(10), cosines)), 4)  # log(1 + 9 exp(-3.1073))
    0.3382

    Reference:
        Zhang et al., AdaCos: Adaptively Scaling Cosine Logits for Effectively Learning Deep Face
        Representations, CVPR 2019.
    """

    def __init__(self, scale=None, reduction="sum_over_batch_size", name="ada_cos_loss", dtype=None):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.scale = None if scale is None else check_number("scale", scale, above=0)

    def class_losses(self, similarity, own):
        scale = fixed_scale(similarity.shape[1]) if self.scale is None else self.scale
        return class_cross_entropy(scale * similarity, own)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


def fixed_scale(num_classes):
    """AdaCos' scale from the number of classes, `sqrt(2) log(num_classes - 1)`; that of 3 for fewer.

    Example:

    >>> round(tfdml.losses.fixed_scale(10), 4)
    3.1073
    """
    return math.sqrt(2) * math.log(max(num_classes - 1, 2))


def adapted_scale(cosine, own, scale):
    """AdaCos' next scale, from a batch and the scale so far.

    `log(mean_i sum_j exp(scale s_ij)) / cos(min(π/4, θ))` over the classes `j` other than the sample's,
    with the median `θ` of the angles between the samples and their classes (of an even number the smaller
    of the two in the middle). It is kept within a tenth and ten times `fixed_scale`: few classes that are
    far apart would turn it negative, and while most samples are far from their class and near to another
    it would grow without end. A batch without a sample of a class leaves it as it is.

    Args:
        cosine: `(batch, classes)`.
        own: Boolean, the same shape: true at the class of each sample.
        scale: The scale so far.

    Output: a number, with no gradient.
    """
    cosine, own = ops.stop_gradient(at_least_float32(cosine)), ops.convert_to_tensor(own)
    scale = ops.stop_gradient(ops.cast(scale, cosine.dtype))
    has_class = ops.any(own, axis=1)
    samples = ops.sum(ops.cast(has_class, "int32"))
    others = (~own & has_class[:, None])[None]
    # All of the batch as one row.
    total = log_sum_exp(ops.reshape(scale * cosine, (1, -1)), ops.reshape(others, (1, -1)))[0]
    log_mean = total - ops.log(ops.cast(ops.maximum(samples, 1), cosine.dtype))
    # The cosine falls as the angle grows, so the median needs no arccos.
    ranked = -ops.sort(ops.where(has_class, -of_own(cosine, own), float("inf")))
    median = ops.take(ranked, ops.maximum(samples - 1, 0) // 2)
    following = log_mean / ops.maximum(median, math.cos(math.pi / 4))
    fixed = fixed_scale(cosine.shape[1])
    following = ops.clip(following, fixed / 10, fixed * 10)
    return ops.where((samples > 0) & (cosine.shape[1] > 1), following, scale)
