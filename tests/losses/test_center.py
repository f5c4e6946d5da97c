import keras
import numpy as np
import oracles
import pytest
from oracles_losses import center_values

from tfdml.losses import CenterLoss

pytestmark = pytest.mark.backend


def batch(n=18, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    return np.r_[rng.integers(0, 4, n - 1), 9], rng.normal(size=(n, dim)).astype("float32")


def test_equals_the_definition():
    labels, z = batch()
    values = keras.ops.convert_to_numpy(CenterLoss(reduction="none")(labels, z))
    np.testing.assert_allclose(values, center_values(labels, z), rtol=1e-5, atol=1e-6)


def test_centers_may_be_given_and_learn():
    """Half the squared distance; the gradient is that of the paper, summed over samples."""
    labels, z = np.array([2, 0, 2]), np.array([[1.0, 0.0], [0.0, 3.0], [0.0, 1.0]], "float32")
    centers = np.array([[0.0, 1.0], [5.0, 5.0], [1.0, 1.0]], "float32")
    loss = CenterLoss()
    values = loss.query_losses(z, labels, centers, np.arange(3))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(values), [0.5, 2.0, 0.5])
    _, gradient = oracles.value_and_gradient(
        lambda c: keras.ops.sum(loss.query_losses(z, labels, c, np.arange(3))), centers
    )
    np.testing.assert_allclose(gradient, [[0, -2], [0, 0], [1, 1]], atol=1e-6)


def test_a_label_without_a_center_loses_nothing():
    value = CenterLoss().query_losses(np.ones((1, 2)), np.array([7]), np.ones((2, 2)), np.arange(2))
    assert float(value[0]) == 0
