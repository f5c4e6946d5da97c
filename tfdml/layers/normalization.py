"""Scaling of embeddings to unit length."""

import keras

from tfdml.ops import at_least_float32, l2_normalize


@keras.saving.register_keras_serializable(package="tfdml")
class L2Normalization(keras.layers.Layer):
    """Scales each vector to length 1.

    Unlike `keras.layers.UnitNormalization` it computes in float32 at least, keeps the direction of vectors
    whose squares overflow or vanish, and turns a zero vector (shorter than 1e-12) into zero with a gradient
    of 0, where that layer multiplies the gradient by 1e12.

    Input shape: `(..., dim)`.

    Output shape: `(..., dim)`, float32 at least, whatever the policy.

    Formula: `x / ‖x‖`, and `0` for `x = 0`.

    Example:

    >>> unit = tfdml.layers.L2Normalization()(np.array([[3.0, 4.0], [0.0, 0.0]]))
    >>> keras.ops.convert_to_numpy(unit).round(3)
    array([[0.6, 0.8],
           [0. , 0. ]])
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)  # a policy of bfloat16 must not round the input first

    def call(self, inputs):
        return l2_normalize(at_least_float32(inputs))

    def compute_output_shape(self, input_shape):
        return input_shape
