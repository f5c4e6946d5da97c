import keras
import numpy as np
import pytest
from oracles import value_and_gradient

from tfdml import ops

pytestmark = pytest.mark.backend


def test_sqrt_and_its_gradient():
    x = np.array([4.0, 0.25, 0.0, -1.0], "float32")
    value, gradient = value_and_gradient(lambda x: keras.ops.sum(ops.safe_sqrt(x)), x)
    assert value == 2.5
    np.testing.assert_allclose(gradient, [0.25, 1.0, 0.0, 0.0])


def test_norm_and_its_gradient():
    x = np.array([[3.0, 4.0], [0.0, 0.0]], "float32")
    value, gradient = value_and_gradient(lambda x: keras.ops.sum(ops.safe_norm(x)), x)
    assert value == 5
    np.testing.assert_allclose(gradient, [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)
    assert ops.safe_norm(x, keepdims=True).shape == (2, 1)


def test_normalised_vectors_and_their_gradient():
    x = np.array([[3e30, 4e30], [3e-10, 4e-10], [3.0, 4.0], [0.0, 0.0]], "float32")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(ops.l2_normalize(x)), [[0.6, 0.8]] * 3 + [[0.0, 0.0]], rtol=1e-6
    )
    _, gradient = value_and_gradient(lambda x: keras.ops.sum(ops.l2_normalize(x)[:, 0]), x)
    # The part of (1, 0) across (.6, .8), over the norm.
    across = np.array([0.64, -0.48])
    np.testing.assert_allclose(gradient[1], across / 5e-10, rtol=1e-4)
    np.testing.assert_allclose(gradient[2], across / 5, rtol=1e-4)
    np.testing.assert_array_equal(gradient[3], 0)


@pytest.mark.parametrize(
    "dtype, expected",
    [("float16", "float32"), ("bfloat16", "float32"), ("float32", "float32"), ("int32", "float32")],
)
def test_at_least_float32(dtype, expected):
    assert keras.backend.standardize_dtype(ops.at_least_float32(keras.ops.ones(2, dtype)).dtype) == expected
