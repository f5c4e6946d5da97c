"""NT-Xent: each positive pair against the negatives of its anchor."""

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.average import average_terms
from tfdml.losses.base import MetricLoss
from tfdml.losses.cosines import cosines
from tfdml.ops import at_least_float32, log_sum_exp


@keras.saving.register_keras_serializable(package="tfdml")
class NTXentLoss(MetricLoss):
    """Normalised, temperature-scaled cross-entropy (InfoNCE) of every positive pair.

    Args:
        temperature: Float above 0 that divides cosines: the smaller, the more the nearest negatives
            count. Defaults to `0.07` (Wu et al., 2018); Musgrave et al. (2020) found 0.01 to 0.02 best by
            search for pretrained networks on CUB-200 and Cars196.
        average: `"terms"`: all positive pairs of the batch count alike. `"anchors"`: each anchor has the
            mean of its pairs, and all anchors count alike. Defaults to `"terms"`.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"nt_xent_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`, of any norm.

    Formula: `-log(exp(s_p) / (exp(s_p) + sum_n exp(s_n)))` of a positive pair, where `s` are the cosines to
    the anchor divided by the temperature, and `n` its negatives: other positives do not compete.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.ones((4, 2))
    >>> round(float(tfdml.losses.NTXentLoss()(labels, embeddings)), 4)  # log(3): one positive, two negatives
    1.0986

    Reference:
        Chen et al., A Simple Framework for Contrastive Learning of Visual Representations, ICML 2020;
        Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination, CVPR 2018.
    """

    directions = True
    averages = ("terms", "anchors")

    def __init__(
        self,
        temperature=0.07,
        average="terms",
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="nt_xent_loss",
        dtype=None,
    ):
        super().__init__(
            average=average, mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype
        )
        self.temperature = check_number("temperature", temperature, above=0)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        positive, negative = self.pairs(queries, query_labels, keys, key_labels, same_set)
        terms = nt_xent(cosines(queries, keys) / self.temperature, positive, negative)
        pairs = ops.sum(ops.cast(positive, terms.dtype), axis=1)
        return average_terms(ops.sum(terms, axis=1), pairs, pairs, self.average)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


def nt_xent(similarity, positive, negative):
    """NT-Xent of each positive pair from scaled similarities, `(queries, keys)`; 0 at other pairs.

    A pair's `-log(exp(s_p) / (exp(s_p) + sum_n exp(s_n)))` is `softplus(log(sum_n exp(s_n)) - s_p)`: one
    log-sum-exp a row serves all its pairs.

    Args:
        similarity: `(queries, keys)`, divided by the temperature.
        positive, negative: Boolean masks, the same shape.

    Example:

    >>> same = np.eye(2, dtype=bool)
    >>> keras.ops.convert_to_numpy(tfdml.losses.nt_xent(np.zeros((2, 2)), same, ~same)).round(4).tolist()
    [[0.6931, 0.0], [0.0, 0.6931]]
    """
    similarity = at_least_float32(similarity)
    gaps = log_sum_exp(similarity, negative)[:, None] - similarity
    return ops.where(positive, ops.softplus(ops.where(positive, gaps, 0)), 0)
