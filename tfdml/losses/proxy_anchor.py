"""Proxy-Anchor: each proxy is an anchor, and the batch's samples are its positives and negatives."""

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.losses.class_loss import ClassLoss
from tfdml.losses.replicas import replicas
from tfdml.ops import at_least_float32, log_sum_exp


@keras.saving.register_keras_serializable(package="tfdml")
class ProxyAnchorLoss(ClassLoss):
    """Pulls the samples of a class to its proxy and pushes all others away, the hardest of them most.

    Args:
        margin: Float of at least 0, in cosine: positives nearer than it and negatives farther than its
            negative lose little. Defaults to `0.1`, of the paper.
        scale: Float above 0 that multiplies cosines: the larger, the more the hardest samples count.
            Defaults to `32`, of the paper.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"proxy_anchor_loss"`.
        dtype: As in `ClassLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Cosines `(batch, classes)`, as `tfdml.layers.Proxies` gives them.

    Formula: the mean over the proxies with a positive in the batch of
    `log(1 + sum_p exp(-scale (s_p - margin)))`, plus the mean over all proxies of
    `log(1 + sum_n exp(scale (s_n + margin)))`, over the proxy's positives `p` and negatives `n`. The term of
    a proxy is shared in equal parts by the samples it sums over, and the values of the samples are scaled so
    that their mean, Keras' default reduction, is the loss. Under `tf.distribute` the batch is that of all
    replicas.

    Example:

    >>> cosines = np.array([[0.1, -0.1], [-0.1, 0.1]])
    >>> round(float(tfdml.losses.ProxyAnchorLoss()(np.array([0, 1]), cosines)), 4)  # 2 log(2)
    1.3863

    Reference: Kim et al., Proxy Anchor Loss for Deep Metric Learning, CVPR 2020.
    """

    def __init__(
        self,
        margin=0.1,
        scale=32.0,
        reduction="sum_over_batch_size",
        name="proxy_anchor_loss",
        dtype=None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.margin = check_number("margin", margin, minimum=0)
        self.scale = check_number("scale", scale, above=0)

    def class_losses(self, similarity, own):
        group = replicas()
        if group is None:
            return self._batch_losses(similarity, own)
        rows = group.place(own) + ops.arange(ops.shape(own)[0], dtype="int32")
        everyone = self._batch_losses(
            # What is gathered may forget its width.
            ops.reshape(group.gather(similarity), (-1, own.shape[1])),
            ops.reshape(group.gather(ops.cast(own, "int32")) > 0, (-1, own.shape[1])),
        )
        return ops.take(everyone, rows)

    def _batch_losses(self, similarity, own):
        positive = ops.transpose(own)
        negative = ~positive & ops.any(own, axis=1)[None, :]
        pull, push = proxy_anchor_terms(
            ops.transpose(similarity), positive, negative, self.margin, self.scale
        )
        anchors = ops.sum(ops.cast(ops.any(positive, axis=1), pull.dtype))
        pull, push = pull / ops.maximum(anchors, 1), push / push.shape[0]
        samples = ops.cast(ops.shape(own)[0], pull.dtype)
        return samples * (_shared(pull, positive) + _shared(push, negative))

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "scale": self.scale}


def proxy_anchor_terms(similarity, positive, negative, margin=0.1, scale=32.0):
    """What each proxy loses by its positives, and what by its negatives: two `(proxies,)`; 0 without any.

    Args:
        similarity: `(proxies, samples)`.
        positive, negative: Boolean masks, the same shape.
        margin: Float of at least 0. Defaults to `0.1`.
        scale: Float above 0. Defaults to `32`.
    """
    similarity = at_least_float32(similarity)
    pull = ops.softplus(log_sum_exp(scale * (margin - similarity), positive))
    push = ops.softplus(log_sum_exp(scale * (similarity + margin), negative))
    return pull, push


def _shared(terms, mask):
    """The terms of the proxies, each in equal parts to the samples of its row: `(samples,)`."""
    mask = ops.cast(mask, terms.dtype)
    return ops.matmul(terms / ops.maximum(ops.sum(mask, axis=1), 1), mask)
