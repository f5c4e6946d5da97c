"""N-pair losses on similarities of anchors and positives."""

import keras
from keras import ops

from tfdml.compat.tensorflow_addons.losses.base import AddonsLoss, in_float32, label_column
from tfdml.losses import n_pair
from tfdml.ops import pair_masks


@keras.saving.register_keras_serializable(package="Addons")
def npairs_loss(y_true, y_pred):
    """Cross-entropy of each row of similarities against the columns of its label.

    Args:
        y_true: Labels `(batch,)` or `(batch, 1)`, of rows and columns alike.
        y_pred: Similarities `(batch, batch)` of anchors, the rows, and positives, the columns.

    Output: a number, the mean over rows.

    Example:

    >>> from tfdml.compat import tensorflow_addons as tfa
    >>> round(float(tfa.losses.npairs_loss(np.array([0, 1]), np.zeros((2, 2)))), 4)
    0.6931
    """
    labels, (similarity, dtype) = label_column(y_true), in_float32(y_pred)
    return ops.cast(ops.mean(n_pair(similarity, *pair_masks(labels, labels))), dtype)


@keras.saving.register_keras_serializable(package="Addons")
def npairs_multilabel_loss(y_true, y_pred):
    """Cross-entropy of each row of similarities against the columns that share labels with it.

    A column counts by the number of labels shared.

    Args:
        y_true: Rows `(batch, classes)`, 1 at each label of a sample and 0 elsewhere; sparse or dense.
        y_pred: Similarities `(batch, batch)` of anchors, the rows, and positives, the columns.

    Output: a number, the mean over rows. A row without a label adds 0, where Addons gives NaN.

    Example:

    >>> from tfdml.compat import tensorflow_addons as tfa
    >>> labels = np.array([[1, 1, 0], [0, 1, 1]])
    >>> round(float(tfa.losses.npairs_multilabel_loss(labels, np.zeros((2, 2)))), 4)
    0.6931
    """
    similarity, dtype = in_float32(y_pred)
    rows = ops.cast(ops.convert_to_tensor(y_true, sparse=False), similarity.dtype)
    shared = ops.matmul(rows, ops.transpose(rows))
    return ops.cast(ops.mean(n_pair(similarity, shared, shared == 0)), dtype)


@keras.saving.register_keras_serializable(package="Addons")
class NpairsLoss(AddonsLoss):
    """N-pair loss on similarities, one number for the batch: see `npairs_loss`.

    Args:
        name: Name of the loss. Defaults to `"npairs_loss"`.

    Example:

    >>> from tfdml.compat import tensorflow_addons as tfa
    >>> anchors, positives = np.eye(2), np.eye(2)
    >>> round(float(tfa.losses.NpairsLoss()(np.array([0, 1]), anchors @ positives.T)), 4)
    0.3133

    Reference: Sohn, Improved Deep Metric Learning with Multi-class N-pair Loss Objective, NIPS 2016.
    """

    def __init__(self, name="npairs_loss", **kwargs):
        super().__init__(npairs_loss, name, kwargs.get("dtype"))


@keras.saving.register_keras_serializable(package="Addons")
class NpairsMultilabelLoss(AddonsLoss):
    """N-pair loss of samples with several labels, one number for the batch: see `npairs_multilabel_loss`.

    Args:
        name: Name of the loss. Defaults to `"npairs_multilabel_loss"`.

    Example:

    >>> from tfdml.compat import tensorflow_addons as tfa
    >>> labels = np.array([[1, 1, 0], [0, 1, 1]])
    >>> round(float(tfa.losses.NpairsMultilabelLoss()(labels, np.zeros((2, 2)))), 4)
    0.6931

    Reference: Sohn, Improved Deep Metric Learning with Multi-class N-pair Loss Objective, NIPS 2016.
    """

    def __init__(self, name="npairs_multilabel_loss", **kwargs):
        super().__init__(npairs_multilabel_loss, name, kwargs.get("dtype"))
