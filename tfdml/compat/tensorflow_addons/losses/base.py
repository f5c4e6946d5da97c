"""What the classes and functions of this package share."""

import keras
from keras import ops

from tfdml.ops import at_least_float32


class AddonsLoss(keras.losses.Loss):
    """A loss that is one number for the whole batch, as a function of Addons gives it.

    Unlike other losses of Keras it leaves labels whole: Keras would cast them to float32, which merges those
    above 2**24. Weights of samples multiply the number by their mean.

    Args:
        function: Function of `y_true`, `y_pred` and the arguments.
        name: Name of the loss.
        arguments: Further arguments of the function, and what the configuration holds of them.
    """

    def __init__(self, function, name, dtype=None, **arguments):
        super().__init__(name=name, reduction="none", dtype=dtype)
        self._function, self._arguments = function, arguments

    def __call__(self, y_true, y_pred, sample_weight=None):
        value = self.call(y_true, y_pred)
        if sample_weight is not None:
            value = value * ops.mean(ops.cast(sample_weight, value.dtype))
        return value

    def call(self, y_true, y_pred):
        return self._function(y_true, y_pred, **self._arguments)

    def get_config(self):
        named = {
            key: keras.saving.serialize_keras_object(value) if callable(value) else value
            for key, value in self._arguments.items()
        }
        return {"name": self.name, "dtype": self.dtype, **named}


def label_column(y_true):
    """Labels `(batch,)` from `(batch,)` or `(batch, 1)`, numbers of any type."""
    labels = ops.convert_to_tensor(y_true)
    shape = tuple(labels.shape)
    if len(shape) not in (1, 2) or shape[1:] not in ((), (1,)):
        raise ValueError(f"Expected y_true to be of shape (batch,) or (batch, 1), received: shape {shape}")
    return ops.reshape(labels, (-1,))


def in_float32(y_pred):
    """`y_pred` in float32 at least, and its own dtype, which the result is to have."""
    y_pred = ops.convert_to_tensor(y_pred)
    return at_least_float32(y_pred), y_pred.dtype
