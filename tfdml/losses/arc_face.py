"""ArcFace: a margin on the angle to the sample's class; and its form with sub-centers."""

import math

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.class_loss import ClassLoss, class_cross_entropy, of_own
from tfdml.ops import at_least_float32, safe_sqrt


@keras.saving.register_keras_serializable(package="tfdml")
class ArcFaceLoss(ClassLoss):
    """Cross-entropy of scaled cosines, with a margin added to the angle between a sample and its class.

    Args:
        margin: Float from 0 to π, in radians. Defaults to `0.37` (21 degrees), near the values that
            Musgrave et al. (2020) found best by search (23 degrees on CUB-200, 21 on Cars196, 19 on
            Stanford Online Products); the paper has 0.5.
        scale: Float above 0 that multiplies cosines. Defaults to `64`, of the paper; the same search found
            50 to 220, for pretrained networks.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"arc_face_loss"`.
        dtype: As in `ClassLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Cosines `(batch, classes)`, as `tfdml.layers.Proxies` gives them.

    Formula: `-log(e^(scale t) / (e^(scale t) + sum_j e^(scale s_j)))` with `t = cos(θ + margin)` of the
    angle `θ` to the sample's class and the cosines `s_j` to the others. Beyond `θ = π - margin`, where
    that would rise again, `t = cos(θ) - margin sin(margin)`, as the authors have it.

    Example:

    >>> cosines = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> round(float(tfdml.losses.ArcFaceLoss(margin=np.pi / 2, scale=10)(np.array([0, 1]), cosines)), 4)
    0.6931

    Reference: Deng et al., ArcFace: Additive Angular Margin Loss for Deep Face Recognition, CVPR 2019.
    """

    def __init__(
        self,
        margin=0.37,
        scale=64.0,
        reduction="sum_over_batch_size",
        name="arc_face_loss",
        dtype=None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.margin = check_angle(margin)
        self.scale = check_number("scale", scale, above=0)

    def class_losses(self, similarity, own):
        target = add_angle(of_own(similarity, own), self.margin)
        return class_cross_entropy(self.scale * similarity, own, self.scale * target)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "scale": self.scale}


@keras.saving.register_keras_serializable(package="tfdml")
class SubCenterArcFaceLoss(ArcFaceLoss):
    """ArcFace on classes of several centers, of which the nearest to the sample counts.

    A class may then fall into groups, and mislabelled samples gather at a center of their own.

    Args:
        margin: Float from 0 to π, in radians. Defaults to `0.37`, as in `ArcFaceLoss`.
        scale: Float above 0 that multiplies cosines. Defaults to `64`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"sub_center_arc_face_loss"`.
        dtype: As in `ClassLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Cosines `(batch, classes, per_class)`, as `tfdml.layers.Proxies(per_class=3)` gives them;
            the paper has 3. `(batch, classes)` is one center a class.

    Formula: that of `ArcFaceLoss` on `max_k s_jk` over the centers `k` of each class `j`.

    Example:

    >>> cosines = np.array([[[1.0, -0.2], [0.0, -0.5]], [[-0.3, 0.0], [0.4, 1.0]]])
    >>> loss = tfdml.losses.SubCenterArcFaceLoss(margin=np.pi / 2, scale=10)
    >>> round(float(loss(np.array([0, 1]), cosines)), 4)
    0.6931

    Reference:
        Deng et al., Sub-center ArcFace: Boosting Face Recognition by Large-Scale Noisy Web Faces, ECCV 2020.
    """

    def __init__(
        self,
        margin=0.37,
        scale=64.0,
        reduction="sum_over_batch_size",
        name="sub_center_arc_face_loss",
        dtype=None,
    ):
        super().__init__(margin=margin, scale=scale, reduction=reduction, name=name, dtype=dtype)


def check_angle(margin):
    """The margin, if it is an angle from 0 to π."""
    margin = check_number("margin", margin, minimum=0)
    if margin > math.pi:
        raise ValueError(f"Expected margin to be at most π, in radians, received: {margin}")
    return margin


def add_angle(cosine, margin):
    """Cosine of the angle of `cosine` plus `margin`, made to fall all the way to an angle of π.

    No arccos, whose gradient has no value at ±1: here the gradient is `cos(margin)` there.

    Args:
        cosine: Tensor of any shape; beyond ±1 it counts as an angle of 0 or π.
        margin: Float from 0 to π, in radians.

    Example:

    >>> cosines = keras.ops.cos(np.radians([0.0, 60.0]))
    >>> keras.ops.convert_to_numpy(tfdml.losses.add_angle(cosines, np.radians(30))).round(4).tolist()
    [0.866, 0.0]
    """
    cosine = at_least_float32(cosine)
    sine = safe_sqrt((1 - cosine) * (1 + cosine))
    added = cosine * math.cos(margin) - sine * math.sin(margin)
    # The second keeps it falling for margins above 2.33 too.
    beyond = cosine - max(margin * math.sin(margin), 1 - math.cos(margin))
    return ops.where(cosine > -math.cos(margin), added, beyond)
