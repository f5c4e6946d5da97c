"""CosFace: a margin on the cosine of the sample's class."""

import keras

from tfdml.checks import check_number
from tfdml.losses.class_loss import ClassLoss, class_cross_entropy, of_own


@keras.saving.register_keras_serializable(package="tfdml")
class CosFaceLoss(ClassLoss):
    """Cross-entropy of scaled cosines, with a margin taken off the cosine to the sample's own class.

    Args:
        margin: Float of at least 0, in cosine. Defaults to `0.4`, among the values that Musgrave et al.
            (2020) found best by search (0.62 on CUB-200, 0.43 on Cars196, 0.34 on Stanford Online
            Products); the paper has 0.35.
        scale: Float above 0 that multiplies cosines. Defaults to `64`, of the paper; the same search found
            100 to 161, for pretrained networks.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"cos_face_loss"`.
        dtype: As in `ClassLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Cosines `(batch, classes)`, as `tfdml.layers.Proxies` gives them.

    Formula: `-log(e^(scale (s_y - margin)) / (e^(scale (s_y - margin)) + sum_j e^(scale s_j)))` of the
    cosines `s` to the sample's class `y` and to the others `j`.

    Example:

    >>> cosines = np.array([[0.8, 0.4], [0.4, 0.8]])
    >>> round(float(tfdml.losses.CosFaceLoss(margin=0.4, scale=10)(np.array([0, 1]), cosines)), 4)  # log(2)
    0.6931

    Reference: Wang et al., CosFace: Large Margin Cosine Loss for Deep Face Recognition, CVPR 2018.
    """

    def __init__(
        self,
        margin=0.4,
        scale=64.0,
        reduction="sum_over_batch_size",
        name="cos_face_loss",
        dtype=None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.margin = check_number("margin", margin, minimum=0)
        self.scale = check_number("scale", scale, above=0)

    def class_losses(self, similarity, own):
        target = of_own(similarity, own) - self.margin
        return class_cross_entropy(self.scale * similarity, own, self.scale * target)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "scale": self.scale}
