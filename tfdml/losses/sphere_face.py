"""SphereFace: the angle to the sample's class, multiplied."""

import math

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.class_loss import ClassLoss, class_cross_entropy, of_own
from tfdml.ops import at_least_float32


@keras.saving.register_keras_serializable(package="tfdml")
class SphereFaceLoss(ClassLoss):
    """Cross-entropy of scaled cosines, where the angle between a sample and its class counts several times.

    Args:
        margin: Integer from 1: what multiplies the angle. Defaults to `3`: the paper's 4 embeds unseen
            classes worse where proxies and network learn from scratch.
        scale: Float above 0 that multiplies cosines, in place of the length of the embedding, which the
            paper leaves in. Defaults to `30`, a length of embeddings at which the classes can be told.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"sphere_face_loss"`.
        dtype: As in `ClassLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Cosines `(batch, classes)`, as `tfdml.layers.Proxies` gives them.

    Formula: `-log(e^(scale t) / (e^(scale t) + sum_j e^(scale s_j)))` with `t = (-1)^k cos(margin θ) - 2k`
    of the angle `θ` to the sample's class, `k = floor(margin θ / π)`, and the cosines `s_j` to the others.

    Example:

    >>> cosines = np.array([[0.5, 0.0], [0.0, 0.5]])  # an angle of 60 degrees, which becomes 120
    >>> round(float(tfdml.losses.SphereFaceLoss(margin=2, scale=2)(np.array([0, 1]), cosines)), 4)
    1.3133

    Reference: Liu et al., SphereFace: Deep Hypersphere Embedding for Face Recognition, CVPR 2017.
    """

    def __init__(
        self,
        margin=3,
        scale=30.0,
        reduction="sum_over_batch_size",
        name="sphere_face_loss",
        dtype=None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        if isinstance(margin, bool) or not isinstance(margin, int) or margin < 1:
            raise ValueError(f"Expected margin to be an integer of at least 1, received: {margin!r}")
        self.margin = margin
        self.scale = check_number("scale", scale, above=0)

    def class_losses(self, similarity, own):
        target = multiply_angle(of_own(similarity, own), self.margin)
        return class_cross_entropy(self.scale * similarity, own, self.scale * target)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "scale": self.scale}


def multiply_angle(cosine, times):
    """Cosine of `times` the angle of `cosine`, made to fall all the way to an angle of π.

    By the recursion of Chebyshev, `cos(m θ) = 2 cos(θ) cos((m - 1) θ) - cos((m - 2) θ)`: no arccos.

    Args:
        cosine: Tensor of any shape; what is beyond ±1 counts as ±1.
        times: Integer of at least 1.

    Example:

    >>> cosines = keras.ops.cos(np.radians([0.0, 60.0, 180.0]))
    >>> keras.ops.convert_to_numpy(tfdml.losses.multiply_angle(cosines, 2)).round(4).tolist()
    [1.0, -0.5, -3.0]
    """
    cosine = ops.clip(at_least_float32(cosine), -1, 1)
    before, multiple = ops.ones_like(cosine), cosine
    for _ in range(times - 1):
        before, multiple = multiple, 2 * cosine * multiple - before
    # From one of the `times` equal parts of [0, π] to the next the sign turns, and the whole falls by 2.
    sign, fall = ops.ones_like(cosine), ops.zeros_like(cosine)
    for i in range(1, times):
        beyond = cosine <= math.cos(i * math.pi / times)
        sign, fall = ops.where(beyond, -sign, sign), ops.where(beyond, 2.0 * i, fall)
    return sign * multiple - fall
