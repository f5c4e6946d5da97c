import keras
import numpy as np
import pytest
from keras import ops

from tfdml.layers import L2Normalization


@pytest.mark.parametrize("scale", [1e-10, 1.0, 1e30])
def test_vectors_of_any_size_get_length_one(scale):
    x = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")
    expected = x / np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(L2Normalization()(x * np.float32(scale)), expected, rtol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes the gradient by TensorFlow")
def test_the_zero_vector_has_no_gradient():
    import tensorflow as tf

    x = tf.zeros((2, 4))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = L2Normalization()(x)
        total = tf.reduce_sum(y * tf.constant([1.0, -2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(tape.gradient(total, x), np.zeros((2, 4)))
    np.testing.assert_array_equal(y, np.zeros((2, 4)))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_mixed_policy_does_not_round(policy):
    x = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")
    y = L2Normalization(dtype=policy)(x)
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    np.testing.assert_allclose(ops.norm(y, axis=1), np.ones(5), rtol=1e-6)


def test_survives_its_configuration():
    config = keras.layers.serialize(L2Normalization(name="embedding"))
    assert keras.layers.serialize(keras.layers.deserialize(config)) == config
