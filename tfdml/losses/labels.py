"""Labels as integers, and the base of losses that keep them so."""

import keras
import numpy as np
from keras import ops


class LabelLoss(keras.losses.Loss):
    """What losses on embeddings and losses on similarities share: labels that stay integers.

    Keras casts `y_true` to the dtype of the loss, where float32 merges labels above 2**24 and bfloat16
    those above 256. A subclass says in `sample_losses` what each sample loses, in `predictions` what it
    reads, and in `forms` which shapes that may have.
    """

    predictions = "predictions"
    forms = ("(batch, dim)",)

    def __call__(self, y_true, y_pred, sample_weight=None):
        predictions = ops.convert_to_tensor(y_pred)
        shape = tuple(predictions.shape)
        if len(shape) not in {form.count(",") + 1 for form in self.forms}:
            forms = " or ".join(self.forms)
            raise ValueError(f"Expected {self.predictions} to be of shape {forms}, received: {shape}")
        labels = self.read_labels(y_true)
        known, count = labels.shape[0], shape[0]
        if None not in (known, count) and known != count:
            raise ValueError(
                f"Expected labels to be as many as {self.predictions} ({count}), received: {known}"
            )
        return self.reduced(self.sample_losses(labels, predictions), sample_weight)

    def read_labels(self, labels):
        """Labels as `sample_losses` wants them: integers `(batch,)`."""
        return integer_labels(labels)

    def reduced(self, values, sample_weight=None):
        """The losses of the samples, `(batch,)`, weighted and reduced as Keras does it."""
        return super().__call__(values, values, sample_weight)

    def call(self, y_true, y_pred):
        return y_pred  # already the losses of the samples

    def sample_losses(self, labels, predictions):
        """Loss of each sample, `(batch,)`, from integers `(batch,)` and predictions `(batch, ...)`."""
        raise NotImplementedError

    def get_config(self):
        return {**super().get_config(), "dtype": self.dtype}


def integer_labels(labels):
    """Labels `(batch,)` from integers `(batch,)` or `(batch, 1)`, or from one-hot rows."""
    given, labels = labels, ops.convert_to_tensor(labels)
    if keras.backend.standardize_dtype(labels.dtype) == "float64" and values_of(labels) is None:
        # `fit` under tf.distribute first tries the loss on a symbol of the mean of the replicas' batches.
        labels = ops.cast(labels, "int64")
    dtype = keras.backend.standardize_dtype(labels.dtype)
    rows = has_rows(labels)
    if rows and is_one_hot(given):
        return ops.argmax(labels if dtype != "bool" else ops.cast(labels, "int32"), axis=1)
    if rows or len(labels.shape) not in (1, 2) or "int" not in dtype:
        raise ValueError(
            "Expected labels to be integers of shape (batch,) or (batch, 1), or one-hot rows, "
            f"received: {dtype} of shape {tuple(labels.shape)}"
        )
    return labels[:, 0] if len(labels.shape) == 2 else labels


def values_of(tensor):
    """The values of a tensor as an array, or `None` in a compiled step, where it has none yet."""
    try:
        return ops.convert_to_numpy(tensor)
    except (NotImplementedError, TypeError, ValueError, RuntimeError):
        return None


def label_rows(labels):
    """Rows `(batch, classes)` with a 1 at each label of a sample, or integers from other forms of labels."""
    if has_rows(ops.convert_to_tensor(labels)) and is_binary(labels):
        return ops.convert_to_tensor(labels)
    return integer_labels(labels)


def has_rows(labels):
    """Whether labels are a matrix of more than a column."""
    return len(labels.shape) == 2 and labels.shape[1] != 1


def is_one_hot(rows):
    """Whether rows are one-hot. Only arrays can be looked into: a tensor may have no values yet."""
    return is_binary(rows) and (not is_array(rows) or bool((np.sum(rows, axis=1) == 1).all()))


def is_binary(rows):
    """Whether rows hold 0 and 1 alone, as far as they can be looked into."""
    return not is_array(rows) or bool(np.isin(rows, (0, 1)).all())


def is_array(rows):
    """Whether rows have values that can be looked at without leaving the graph."""
    return isinstance(rows, np.ndarray | list | tuple)
