"""Supervised contrastive loss: each positive against all other keys, positives among them."""

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.average import average_terms
from tfdml.losses.base import MetricLoss
from tfdml.losses.cosines import cosines
from tfdml.losses.n_pair import n_pair


@keras.saving.register_keras_serializable(package="tfdml")
class SupervisedContrastiveLoss(MetricLoss):
    """Cross-entropy of each anchor's cosines to all other samples against its positives in equal parts.

    It differs from `NTXentLoss` in that the positives of an anchor compete with one another, so that a class
    is drawn together as a whole.

    Args:
        temperature: Float above 0 that divides cosines: the smaller, the more the nearest samples count.
            Defaults to `0.1`, of the paper.
        average: `"terms"`: all anchors with a positive count alike. `"anchors"`: those without one count as
            well, as 0. Defaults to `"terms"`.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"supervised_contrastive_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`, of any norm.

    Formula: `log(sum_k exp(s_k)) - mean_p(s_p)` over the keys `k` and the positives `p` of an anchor, where
    `s` are cosines divided by the temperature. This is the loss "out" of the paper.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.ones((4, 2))
    >>> round(float(tfdml.losses.SupervisedContrastiveLoss()(labels, embeddings)), 4)  # log(3)
    1.0986

    Reference: Khosla et al., Supervised Contrastive Learning, NeurIPS 2020.
    """

    directions = True
    averages = ("terms", "anchors")

    def __init__(
        self,
        temperature=0.1,
        average="terms",
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="supervised_contrastive_loss",
        dtype=None,
    ):
        super().__init__(
            average=average, mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype
        )
        self.temperature = check_number("temperature", temperature, above=0)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        positive, negative = self.pairs(queries, query_labels, keys, key_labels, same_set)
        # The form is that of N-pair; only the similarity is another.
        values = n_pair(cosines(queries, keys) / self.temperature, positive, negative)
        return average_terms(values, ops.any(positive, axis=1), values > 0, self.average)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}
