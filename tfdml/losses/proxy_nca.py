"""ProxyNCA and ProxyNCA++: neighbourhood components with one proxy a class in place of the neighbours."""

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.class_loss import ClassLoss, class_cross_entropy, of_own, where_own
from tfdml.ops import log_sum_exp


@keras.saving.register_keras_serializable(package="tfdml")
class ProxyNCALoss(ClassLoss):
    """Pulls each sample to its class's proxy, and away from the proxies of the other classes.

    The own proxy is not among those that a sample is pushed from, so the loss falls below 0 and has no
    least value; `ProxyNCAPlusPlusLoss` mends that.

    Args:
        temperature: Float above 0 that divides squared distances. Defaults to `0.1`, near the values that
            Musgrave et al. (2020) found best by search (1/14 on CUB-200, 1/8 on Cars196, 1/11 on Stanford
            Online Products); the paper has 1.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"proxy_nca_loss"`.
        dtype: As in `ClassLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Cosines `(batch, classes)`, as `tfdml.layers.Proxies` gives them.

    Formula: `-log(exp(-d_y / t) / sum_j exp(-d_j / t))` of the squared distances `d = 2 - 2 cos` between
    unit vectors, to the proxy of the sample's class `y` and to those of the others `j`.

    Example:

    >>> cosines = np.array([[0.5, 0.0], [0.0, 0.5]])
    >>> round(float(tfdml.losses.ProxyNCALoss(temperature=1)(np.array([0, 1]), cosines)), 4)
    -1.0

    Reference:
        Movshovitz-Attias et al., No Fuss Distance Metric Learning using Proxies, ICCV 2017.
    """

    def __init__(
        self,
        temperature=0.1,
        reduction="sum_over_batch_size",
        name="proxy_nca_loss",
        dtype=None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.temperature = check_number("temperature", temperature, above=0)

    def class_losses(self, similarity, own):
        if similarity.shape[1] == 1:
            return ops.sum(0 * similarity, axis=1)  # no other class to be pushed from
        logits = (2 * similarity - 2) / self.temperature
        return where_own(lambda x: x, log_sum_exp(logits, ~own) - of_own(logits, own), own)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


@keras.saving.register_keras_serializable(package="tfdml")
class ProxyNCAPlusPlusLoss(ClassLoss):
    """ProxyNCA as the probability of the right proxy: cross-entropy of squared distances, at a temperature.

    On unit vectors this is `NormalizedSoftmaxLoss` at half the temperature.

    Args:
        temperature: Float above 0 that divides squared distances. Defaults to `0.11` (1/9), of the paper;
            Musgrave et al. (2020) found 1/14 to 1/8 best by search.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"proxy_nca_plus_plus_loss"`.
        dtype: As in `ClassLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Cosines `(batch, classes)`, as `tfdml.layers.Proxies` gives them.

    Formula: `-log(exp(-d_y / t) / sum_j exp(-d_j / t))` of the squared distances `d = 2 - 2 cos` between
    unit vectors, `j` over all proxies, `y` that of the sample's class.

    Example:

    >>> cosines = np.array([[0.5, 0.0], [0.0, 0.5]])
    >>> round(float(tfdml.losses.ProxyNCAPlusPlusLoss(temperature=1)(np.array([0, 1]), cosines)), 4)
    0.3133

    Reference:
        Teh, DeVries and Taylor, ProxyNCA++: Revisiting and Revitalizing Proxy Neighborhood Component
        Analysis, ECCV 2020.
    """

    def __init__(
        self,
        temperature=0.11,
        reduction="sum_over_batch_size",
        name="proxy_nca_plus_plus_loss",
        dtype=None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.temperature = check_number("temperature", temperature, above=0)

    def class_losses(self, similarity, own):
        return class_cross_entropy((2 * similarity - 2) / self.temperature, own)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}
