"""SoftTriple: several centers a class, to which a sample belongs in degrees."""

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.class_loss import ClassLoss, class_cross_entropy, of_own
from tfdml.ops import at_least_float32, l2_normalize, safe_sqrt


@keras.saving.register_keras_serializable(package="tfdml")
class SoftTripleLoss(ClassLoss):
    """Cross-entropy of scaled similarities to classes of several centers, the nearer of which count more.

    The centers of a class are drawn together, so that it keeps no more than it needs, by
    `tfdml.layers.Proxies(per_class=10, merging=0.2)`, which holds them.

    Args:
        margin: Float of at least 0, in cosine. Defaults to `0.01`, of the paper; Musgrave et al. (2020)
            found 0.31 to 0.43 best by search, at a larger scale.
        scale: Float above 0 that multiplies similarities. Defaults to `20`, of the paper; the same search
            found 18 to 100.
        temperature: Float above 0 of the softmax over the centers of a class: the smaller, the more the
            nearest counts. Defaults to `0.1`, of the paper; the same search found 0.02 to 0.05.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"soft_triple_loss"`.
        dtype: As in `ClassLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Cosines `(batch, classes, per_class)`, as `tfdml.layers.Proxies(per_class=10)` gives them;
            `(batch, classes)` is one center a class.

    Formula: `-log(e^(scale (S_y - margin)) / (e^(scale (S_y - margin)) + sum_j e^(scale S_j)))` with the
    similarity `S_j = sum_k softmax_k(s_jk / temperature) s_jk` to a class of the centers `k`.

    Example:

    >>> cosines = np.array([[[0.9, 0.1], [0.0, 0.2]], [[0.3, 0.0], [0.4, 0.8]]])
    >>> round(float(tfdml.losses.SoftTripleLoss(scale=1)(np.array([0, 1]), cosines)), 4)
    0.437

    Reference: Qian et al., SoftTriple Loss: Deep Metric Learning Without Triplet Sampling, ICCV 2019.
    """

    def __init__(
        self,
        margin=0.01,
        scale=20.0,
        temperature=0.1,
        reduction="sum_over_batch_size",
        name="soft_triple_loss",
        dtype=None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.margin = check_number("margin", margin, minimum=0)
        self.scale = check_number("scale", scale, above=0)
        self.temperature = check_number("temperature", temperature, above=0)

    def pool(self, similarity):
        similarity = at_least_float32(similarity)
        if similarity.shape[2] == 1:
            return similarity[:, :, 0]  # Keras warns of a softmax over one
        return ops.sum(ops.softmax(similarity / self.temperature, axis=2) * similarity, axis=2)

    def class_losses(self, similarity, own):
        target = of_own(similarity, own) - self.margin
        return class_cross_entropy(self.scale * similarity, own, self.scale * target)

    def get_config(self):
        own = "margin", "scale", "temperature"
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


def center_spread(centers):
    """How far apart the centers of a class are: half the mean distance between two of them, as unit vectors.

    Args:
        centers: `(classes, per_class, dim)`, of any length.

    Output: a number: 0 where the centers of each class point the same way, or where it has one.

    Example:

    >>> round(float(tfdml.losses.center_spread(np.array([[[1.0, 0.0], [0.0, 2.0]]]))), 4)
    0.7071
    """
    unit = l2_normalize(at_least_float32(centers))
    classes, per_class = unit.shape[:2]
    if per_class == 1:
        return ops.sum(0 * unit)
    cosine = ops.matmul(unit, ops.transpose(unit, (0, 2, 1)))
    upper = ops.triu(ops.ones((per_class, per_class), dtype=cosine.dtype), k=1)
    distance = safe_sqrt(2 - 2 * cosine) * upper
    return ops.sum(distance) / (classes * per_class * (per_class - 1))
