import numpy as np
import oracles
import pytest
from oracles_losses import soft_nearest_neighbor_terms

from tfdml.losses import SoftNearestNeighborLoss

pytestmark = pytest.mark.backend


def batch(n=18, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    return np.r_[rng.integers(0, 4, n - 1), 9], rng.normal(size=(n, dim)).astype("float32")


@pytest.mark.parametrize("average", ["terms", "anchors"])
@pytest.mark.parametrize("distance", ["cosine", "squared_euclidean", "euclidean"])
@pytest.mark.parametrize("temperature", [0.1, 2.0])
def test_equals_the_definition(temperature, distance, average):
    labels, z = batch()
    expected = oracles.averaged(soft_nearest_neighbor_terms(labels, z, temperature, distance), average)
    loss = SoftNearestNeighborLoss(temperature, distance, average)
    assert float(loss(labels, z)) == pytest.approx(expected, rel=1e-5)


def test_one_near_positive_is_enough():
    labels, z = np.array([0, 0, 0, 0, 1]), np.array([[0.0], [0.1], [50.0], [50.1], [25.0]], "float32")
    value, gradient = oracles.value_and_gradient(
        lambda x: SoftNearestNeighborLoss(1.0, "squared_euclidean")(labels, x), z
    )
    assert value == 0 and np.abs(gradient).max() < 1e-6


def test_far_positives_keep_a_gradient():
    """All weights underflow; their logarithms do not."""
    labels, z = np.array([0, 0, 1]), np.array([[0.0], [100.0], [1.0]], "float32")
    value, gradient = oracles.value_and_gradient(
        lambda x: SoftNearestNeighborLoss(1.0, "squared_euclidean")(labels, x), z
    )
    assert value == pytest.approx((100**2 - 1 + 100**2 - 99**2) / 2, rel=1e-5)
    assert np.isfinite(gradient).all() and gradient[1, 0] > 50
