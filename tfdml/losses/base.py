"""The base of every loss on embeddings."""

from tfdml.losses.arguments import check_name
from tfdml.losses.labels import LabelLoss


class MetricLoss(LabelLoss):
    """A loss on embeddings that keeps labels whole and gives one number per anchor.

    Keras casts `y_true` to the dtype of the loss, where float32 merges labels above 2**24 and bfloat16
    those above 256. Here labels stay integers. `reduction` and `sample_weight`, one weight an anchor, are
    Keras' own.

    A subclass implements `query_losses(queries, query_labels, keys, key_labels, same_set)`, a pure function:
    the loss of a batch is the case where queries and keys are the same samples, and a memory, proxies or
    the embeddings of other replicas are other keys. It computes in float32 at least.

    Args:
        average: How the terms of an anchor and of the batch are averaged, if the loss has more than one
            term an anchor; one of the names in the class attribute `averages`:
            `"anchors"`: each anchor has the mean of its terms, and all anchors count alike.
            `"terms"`: every term of the batch counts alike.
            `"nonzero"`: every term of the batch above zero counts alike.
            The last two scale the values of the anchors so that their mean over the batch, which is
            Keras' default reduction, is that average. Defaults to the first of `averages`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `None`.
        dtype: Dtype of the result; terms and sums are computed in float32 at least, whatever it is.
            Defaults to `None`, the float type of Keras.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`.
        sample_weight: Optional, `(batch,)`: weights of the anchors.

    Example:

    ```python
    @keras.saving.register_keras_serializable(package="example")
    class MeanDistanceLoss(tfdml.losses.MetricLoss):
        def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
            positive, _ = tfdml.ops.pair_masks(query_labels, key_labels, same_set)
            distance = tfdml.ops.pairwise_distances(queries, keys)
            return keras.ops.mean(keras.ops.where(positive, distance, 0), axis=1)


    loss = MeanDistanceLoss()(np.array([0, 0, 1]), np.eye(3))
    ```
    """

    predictions = "embeddings"
    averages = ("anchors",)

    def __init__(self, average=None, reduction="sum_over_batch_size", name=None, dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.average = check_name("average", self.averages[0] if average is None else average, self.averages)

    def sample_losses(self, labels, predictions):
        return self.query_losses(predictions, labels, predictions, labels, same_set=True)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        """Loss of each query against the keys.

        Args:
            queries: Embeddings `(queries, dim)`.
            query_labels: Integers `(queries,)`.
            keys: Embeddings `(keys, dim)`.
            key_labels: Integers `(keys,)`.
            same_set: Whether keys are the queries themselves, in the same order. Defaults to `False`.

        Output: `(queries,)`.
        """
        raise NotImplementedError

    def get_config(self):
        config = super().get_config()
        return {**config, "average": self.average} if len(self.averages) > 1 else config
