"""The base of every loss on similarities to classes, and the cross-entropy that most of them end in."""

import keras
from keras import ops

from tfdml.losses.labels import LabelLoss, values_of
from tfdml.ops import at_least_float32, log_sum_exp


class ClassLoss(LabelLoss):
    """A loss on the similarities of samples to classes, one number a sample.

    The similarities are cosines from a layer that holds the weights, such as `tfdml.layers.Proxies`, so
    that `fit` trains them and checkpoints have them. Labels stay integers, as in `MetricLoss`. A subclass
    implements `class_losses(similarity, own)`, which computes in float32 at least.

    Labels are 0 to classes - 1. A label outside is a `ValueError` where it has a value; in a compiled
    step, which cannot look, its sample has no class, loss 0 and no gradient.

    Args:
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `None`.
        dtype: Dtype of the result; terms and sums are computed in float32 at least, whatever it is.
            Defaults to `None`, the float type of Keras.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Similarities `(batch, classes)`, or `(batch, classes, per_class)`, of which the largest of
            each class counts.
        sample_weight: Optional, `(batch,)`.

    Example:

    ```python
    @keras.saving.register_keras_serializable(package="example")
    class HingeLoss(tfdml.losses.ClassLoss):
        def class_losses(self, similarity, own):
            target = keras.ops.sum(keras.ops.where(own, similarity, 0), axis=1)
            others = keras.ops.max(keras.ops.where(own, -1.0, similarity), axis=1)
            return keras.ops.relu(others - target + 0.1)


    loss = HingeLoss()(np.array([0, 2]), np.array([[0.9, 0.1, 0.2], [0.0, 0.5, 0.4]]))
    ```
    """

    predictions = "similarities"
    forms = ("(batch, classes)", "(batch, classes, per_class)")

    def sample_losses(self, labels, predictions):
        return self.index_losses(class_index(labels, predictions.shape[1]), predictions)

    def index_losses(self, index, similarity):
        """The same of labels as `class_index` gives them: int32, with -1 for a sample without a class."""
        similarity = self.pool(similarity) if len(similarity.shape) == 3 else similarity
        return self.class_losses(at_least_float32(similarity), own_class(index, similarity.shape[1]))

    def pool(self, similarity):
        """One similarity a class, `(batch, classes)`, of `(batch, classes, per_class)`: the largest."""
        return ops.max(similarity, axis=2)

    def class_losses(self, similarity, own):
        """Loss of each sample.

        Args:
            similarity: `(batch, classes)`, float32 at least.
            own: Boolean, the same shape: true at the sample's class; nowhere in a row without one.

        Output: `(batch,)`.
        """
        raise NotImplementedError


def own_class(index, classes):
    """Mask `(batch, classes)` of the class of each sample; a row without one where its index is -1."""
    return index[:, None] == ops.arange(classes, dtype="int32")[None, :]


def class_index(labels, classes):
    """Integer labels `(batch,)` as int32, with -1 for those outside 0 to classes - 1."""
    check_range(labels, classes)
    if keras.backend.standardize_dtype(labels.dtype) in ("int8", "int16", "uint8", "uint16"):
        labels = ops.cast(labels, "int32")  # there may be more classes than these can count
    # Compared in their own width: the cast of 2**32 + 1 is 1.
    inside = (labels >= 0) & (labels < classes)
    return ops.where(inside, ops.cast(labels, "int32"), -1)


def check_range(labels, classes):
    """Refuses labels outside 0 to classes - 1, where they have values: in a compiled step they have none."""
    values = values_of(labels)
    if values is not None and (outside := values[(values < 0) | (values >= classes)]).size:
        raise ValueError(
            f"Expected labels to be from 0 to {classes - 1}, one a class of the similarities, "
            f"received: {int(outside[0])}"
        )


def class_cross_entropy(logits, own, target=None):
    """Cross-entropy of each row against its class, `(rows,)`; 0 with a gradient of 0 for a row without one.

    It is `softplus(log(sum_j exp(logits_j)) - target)` over the other classes `j`, which neither overflows
    nor loses the last digits of a small loss.

    Args:
        logits: `(rows, classes)`, of any finite size.
        own: Boolean, the same shape: true at the class of the row.
        target: Optional, `(rows,)`: what takes the place of the logit of the row's class, such as the
            logit less a margin. Defaults to `None`, the logit itself.

    Example:

    >>> own = np.array([[True, False]])
    >>> keras.ops.convert_to_numpy(tfdml.losses.class_cross_entropy(np.zeros((1, 2)), own)).round(4).tolist()
    [0.6931]
    """
    logits = at_least_float32(logits)
    target = of_own(logits, own) if target is None else target
    return where_own(ops.softplus, log_sum_exp(logits, ~own) - target, own)


def of_own(values, own):
    """The entry of each row that is its class's, `(rows,)`; 0 for a row without one."""
    return ops.sum(ops.where(own, values, 0), axis=1)


def where_own(function, x, own):
    """`function(x)` of rows that have a class, and 0 with a gradient of 0 for those without."""
    has_class = ops.any(own, axis=1)
    return ops.where(has_class, function(ops.where(has_class, x, 0)), 0)
