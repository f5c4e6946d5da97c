"""Multi-similarity loss: hard positives against hard negatives, each with a weight of its own."""

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.base import MetricLoss
from tfdml.losses.cosines import cosines
from tfdml.ops import at_least_float32, informative_pairs, log_sum_exp


@keras.saving.register_keras_serializable(package="tfdml")
class MultiSimilarityLoss(MetricLoss):
    """Pulls positives above one cosine and pushes negatives below it, the hardest of both the most.

    Args:
        alpha: Float above 0: how much the farthest positives outweigh the others. Defaults to `2.0`.
        beta: Float above 0: how much the nearest negatives outweigh the others. Defaults to `50.0`.
        base: Float: the cosine around which pairs are weighted. Defaults to `0.7`. The other two are
            those of the authors' code, which has a base of 0.5; Musgrave et al. (2020) found 7 to 18, 48 to
            157 and 0.63 to 0.77 best by search for pretrained networks.
        epsilon: Float of at least 0, or `None`. A positive counts if its cosine is less than `epsilon` above
            that of the nearest negative, a negative if it is less than `epsilon` below that of the
            farthest positive. `None`: all pairs count. Defaults to `0.1`, of the paper; Musgrave et al.
            found 0.34 to 0.72.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"multi_similarity_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`, of any norm.

    Formula: `log(1 + sum_p exp(-alpha (s_p - base))) / alpha + log(1 + sum_n exp(beta (s_n - base))) / beta`
    over the cosines to the positives `p` and the negatives `n` of an anchor.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.eye(4)[[0, 1, 2, 2]]
    >>> loss = tfdml.losses.MultiSimilarityLoss(base=0.5)
    >>> round(float(loss(labels, embeddings)), 4)  # only 0 and 1 are apart
    0.3283

    Reference: Wang et al., Multi-Similarity Loss with General Pair Weighting, CVPR 2019.
    """

    directions = True

    def __init__(
        self,
        alpha=2.0,
        beta=50.0,
        base=0.7,
        epsilon=0.1,
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="multi_similarity_loss",
        dtype=None,
    ):
        super().__init__(mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype)
        self.alpha = check_number("alpha", alpha, above=0)
        self.beta = check_number("beta", beta, above=0)
        self.base = check_number("base", base)
        self.epsilon = None if epsilon is None else check_number("epsilon", epsilon, minimum=0)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        similarity = cosines(queries, keys)
        positive, negative = self.pairs(queries, query_labels, keys, key_labels, same_set)
        if self.epsilon is not None:
            positive, negative = informative_pairs(-similarity, positive, negative, self.epsilon)
        return multi_similarity(similarity, positive, negative, self.alpha, self.beta, self.base)

    def get_config(self):
        own = {"alpha": self.alpha, "beta": self.beta, "base": self.base, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


def multi_similarity(similarity, positive, negative, alpha=2.0, beta=50.0, base=0.7):
    """Multi-similarity loss of each row of similarities, `(queries,)`; 0 for a row without a pair.

    Args:
        similarity: `(queries, keys)`.
        positive, negative: Boolean masks, the same shape; keys in neither are left out.
        alpha, beta, base: As in `MultiSimilarityLoss`.

    Example:

    >>> same = np.eye(2, dtype=bool)
    >>> value = tfdml.losses.multi_similarity(np.full((2, 2), 0.7), same, ~same, alpha=2, beta=1)
    >>> keras.ops.convert_to_numpy(value).round(4).tolist()  # log(2) / 2 + log(2)
    [1.0397, 1.0397]
    """
    similarity = at_least_float32(similarity) - base
    pull = ops.softplus(log_sum_exp(-alpha * similarity, positive)) / alpha
    return pull + ops.softplus(log_sum_exp(beta * similarity, negative)) / beta
