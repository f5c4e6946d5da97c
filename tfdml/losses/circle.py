"""Circle loss: every pair pulls or pushes as hard as it is far from its optimum."""

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.average import average_terms
from tfdml.losses.base import MetricLoss
from tfdml.losses.cosines import cosines
from tfdml.ops import at_least_float32, log_sum_exp


@keras.saving.register_keras_serializable(package="tfdml")
class CircleLoss(MetricLoss):
    """Separates positive from negative cosines along a circle, so that each pair moves at its own pace.

    The weights of the pairs, their distances from the optimum, are constants in the gradient, as in the
    paper. So the gradient is not that of the value.

    Args:
        margin: Float of at least 0: how far positives may stay below a cosine of 1 and negatives above 0.
            Defaults to `0.4`.
        gamma: Float above 0 that multiplies the weighted cosines. Defaults to `16.0`. The paper has
            80 for fine-grained retrieval with pretrained networks, and the same margin.
        average: `"terms"`: all anchors with a positive and a negative count alike. `"nonzero"`: all anchors
            above zero do. `"anchors"`: all anchors of the batch. Defaults to `"terms"`.
        mining: As in `MetricLoss`. Defaults to `"all"`.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"circle_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`, of any norm.

    Formula: `log(1 + sum_n exp(gamma a_n (s_n - margin)) · sum_p exp(-gamma a_p (s_p - 1 + margin)))` over
    the cosines to the positives `p` and the negatives `n` of an anchor, with the weights
    `a_n = max(0, s_n + margin)` and `a_p = max(0, 1 + margin - s_p)`.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.eye(4)[[0, 0, 1, 1]]
    >>> round(float(tfdml.losses.CircleLoss(gamma=10)(labels, embeddings)), 4)  # log(1 + 2 e^-1.6 · e^-1.6)
    0.0784

    Reference: Sun et al., Circle Loss: A Unified Perspective of Pair Similarity Optimization, CVPR 2020.
    """

    directions = True
    averages = ("terms", "nonzero", "anchors")

    def __init__(
        self,
        margin=0.4,
        gamma=16.0,
        average="terms",
        mining="all",
        tile="auto",
        reduction="sum_over_batch_size",
        name="circle_loss",
        dtype=None,
    ):
        super().__init__(
            average=average, mining=mining, tile=tile, reduction=reduction, name=name, dtype=dtype
        )
        self.margin = check_number("margin", margin, minimum=0)
        self.gamma = check_number("gamma", gamma, above=0)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        positive, negative = self.pairs(queries, query_labels, keys, key_labels, same_set)
        values = circle(cosines(queries, keys), positive, negative, self.margin, self.gamma)
        valid = ops.any(positive, axis=1) & ops.any(negative, axis=1)
        return average_terms(values, valid, values > 0, self.average)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "gamma": self.gamma}


def circle(similarity, positive, negative, margin=0.4, gamma=16.0):
    """Circle loss of each row of cosines, `(queries,)`; 0 for a row without a positive or a negative.

    Args:
        similarity: `(queries, keys)`.
        positive, negative: Boolean masks, the same shape; keys in neither are left out.
        margin, gamma: As in `CircleLoss`.

    Example:

    >>> same = np.eye(2, dtype=bool)
    >>> value = tfdml.losses.circle(np.zeros((2, 2)), same, ~same, margin=0.5, gamma=1)
    >>> keras.ops.convert_to_numpy(value).round(4).tolist()  # log(1 + e^-0.25 · e^0.75)
    [0.9741, 0.9741]
    """
    similarity = at_least_float32(similarity)
    constant = ops.stop_gradient(similarity)
    pull = -gamma * ops.relu(1 + margin - constant) * (similarity - 1 + margin)
    push = gamma * ops.relu(constant + margin) * (similarity - margin)
    return ops.softplus(log_sum_exp(pull, positive) + log_sum_exp(push, negative))
