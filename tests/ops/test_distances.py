import keras
import numpy as np
import oracles
import pytest

from tfdml import ops

pytestmark = pytest.mark.backend
NAMES = ["euclidean", "squared_euclidean", "cosine"]


def points(rows, dim=5, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, dim)).astype("float32")


def distances(*args):
    return keras.ops.convert_to_numpy(ops.pairwise_distances(*args))


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_definition(name):
    q, k = points(7), points(9, seed=1)
    np.testing.assert_allclose(
        distances(q, k, name), oracles.distance_matrix(q, k, name), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("name", NAMES)
def test_gradient_equals_finite_differences(name):
    q, k = points(4, 3), points(5, 3, seed=1)
    weights = np.random.default_rng(2).normal(size=(4, 5)).astype("float32")
    _, gradient = oracles.value_and_gradient(
        lambda x: keras.ops.sum(keras.ops.multiply(ops.pairwise_distances(x, k, name), weights)), q
    )
    numeric = oracles.finite_differences(lambda x: (oracles.distance_matrix(x, k, name) * weights).sum(), q)
    np.testing.assert_allclose(gradient, numeric, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [0.0, 1e-20, 1.0, 1e4])
def test_a_point_and_itself_have_distance_zero_and_no_gradient(name, scale):
    x = scale * points(6)
    value, gradient = oracles.value_and_gradient(
        lambda x: keras.ops.sum(keras.ops.diagonal(ops.pairwise_distances(x, x, name))), x
    )
    if name == "cosine" and scale in (0.0, 1e-20):
        assert value == 6  # a zero vector has no angle: its cosine is 0
    else:
        assert value == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(gradient, 0, atol=1e-5 / max(scale, 1e-3))


def test_a_common_offset_costs_no_digits():
    x = points(6)
    shifted = np.round(x, 2) + np.float32(1024)
    np.testing.assert_allclose(
        distances(shifted, shifted), distances(shifted - 1024, shifted - 1024), atol=2e-4
    )


def test_points_on_a_grid_have_exact_distances():
    x = np.random.default_rng(0).integers(-5, 6, size=(30, 4)).astype("float32")
    exact = ((x[:, None] - x[None]) ** 2).sum(-1)
    np.testing.assert_array_equal(distances(x, x, "squared_euclidean"), exact)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_low_precision_is_computed_in_float32(name, dtype):
    x = keras.ops.cast(300 * points(6), dtype)  # its squares overflow float16
    result = ops.pairwise_distances(x, x, name)
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(result),
        distances(keras.ops.cast(x, "float32"), keras.ops.cast(x, "float32"), name),
    )


def test_cosine_and_inner_product():
    q, k = points(3), points(4, seed=1)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(ops.dot_product(q, k)), q @ k.T, rtol=1e-5, atol=1e-6
    )
    expected = 1 - oracles.distance_matrix(q, k, "cosine")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ops.cosine_similarity(q, k)), expected, atol=1e-6)


def test_a_function_is_a_distance():
    q, k = points(3), points(4, seed=1)
    np.testing.assert_array_equal(distances(q, k, lambda q, k: keras.ops.zeros((3, 4))), np.zeros((3, 4)))


@pytest.mark.parametrize("name", ["l2", None, 3])
def test_an_unknown_distance_is_named(name):
    with pytest.raises(
        ValueError, match=rf"^Expected distance to be one of 'euclidean', .* received: {name!r}$"
    ):
        ops.pairwise_distances(points(2), points(2), name)
