"""Center loss: the distance of a sample to the center of its class."""

import keras
from keras import ops

from tfdml.losses.base import MetricLoss
from tfdml.ops import at_least_float32


@keras.saving.register_keras_serializable(package="tfdml")
class CenterLoss(MetricLoss):
    """Pulls each sample to the center of its class.

    The center is the mean of the keys of the sample's label. Of a batch, it is the mean of the class in that
    batch; where keys are centers that a layer holds, one a class, it is that center. Nothing here keeps
    classes apart: add it to a loss that does, with a small weight.

    Args:
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"center_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`.

    Formula: `|a - c|² / 2` of an anchor `a` and the center `c` of its class.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1]), np.array([[0.0], [2.0], [5.0]])
    >>> round(float(tfdml.losses.CenterLoss()(labels, embeddings)), 4)  # (1/2 + 1/2 + 0) / 3
    0.3333

    ```python
    centers = np.zeros((2, 1))
    values = tfdml.losses.CenterLoss().query_losses(embeddings, labels, centers, np.arange(2))
    ```

    Reference: Wen et al., A Discriminative Feature Learning Approach for Deep Face Recognition, ECCV 2016.
    """

    def __init__(self, tile="auto", reduction="sum_over_batch_size", name="center_loss", dtype=None):
        super().__init__(tile=tile, reduction=reduction, name=name, dtype=dtype)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        queries, keys = at_least_float32(queries), at_least_float32(keys)
        query_labels, key_labels = (ops.convert_to_tensor(x) for x in (query_labels, key_labels))
        own = ops.cast(query_labels[:, None] == key_labels[None, :], keys.dtype)
        number = ops.sum(own, axis=1, keepdims=True)
        centers = ops.matmul(own, keys) / ops.maximum(number, 1)
        return 0.5 * ops.sum(ops.square(ops.where(number > 0, queries - centers, 0)), axis=1)
