"""Normalised softmax: cross-entropy of cosines to one weight vector a class."""

import keras

from tfdml.checks import check_number
from tfdml.losses.class_loss import ClassLoss, class_cross_entropy


@keras.saving.register_keras_serializable(package="tfdml")
class NormalizedSoftmaxLoss(ClassLoss):
    """Cross-entropy of each sample's cosines to the classes, divided by a temperature.

    Args:
        temperature: Float above 0 that divides cosines: the smaller, the more the nearest classes count.
            Defaults to `0.1`, near the values that Musgrave et al. (2020) found best by search (0.11 on
            CUB-200, 0.09 on Cars196, 0.06 on Stanford Online Products); Zhai and Wu have 0.05.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"normalized_softmax_loss"`.
        dtype: As in `ClassLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Cosines `(batch, classes)`, as `tfdml.layers.Proxies` gives them.

    Formula: `-log(exp(s_y / t) / sum_j exp(s_j / t))` of the cosines `s` to the classes `j`, `y` its own.

    Example:

    >>> cosines = np.array([[0.8, 0.0], [0.0, 0.8]])
    >>> round(float(tfdml.losses.NormalizedSoftmaxLoss(temperature=0.4)(np.array([0, 1]), cosines)), 4)
    0.1269

    Reference: Zhai and Wu, Classification is a Strong Baseline for Deep Metric Learning, BMVC 2019.
    """

    def __init__(
        self,
        temperature=0.1,
        reduction="sum_over_batch_size",
        name="normalized_softmax_loss",
        dtype=None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.temperature = check_number("temperature", temperature, above=0)

    def class_losses(self, similarity, own):
        return class_cross_entropy(similarity / self.temperature, own)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}
