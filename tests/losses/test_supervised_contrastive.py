import numpy as np
import oracles
import pytest
from oracles_losses import supervised_contrastive_terms

from tfdml.losses import NTXentLoss, SupervisedContrastiveLoss

pytestmark = pytest.mark.backend


def batch(n=18, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.r_[rng.integers(0, 4, n - 1), 9]  # the last has no positive
    return labels, rng.normal(size=(n, dim)).astype("float32")


@pytest.mark.parametrize("average", ["terms", "anchors"])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_equals_the_definition(temperature, average):
    labels, z = batch()
    terms = supervised_contrastive_terms(labels, z, temperature)
    expected = oracles.averaged(terms, average)
    assert float(SupervisedContrastiveLoss(temperature, average)(labels, z)) == pytest.approx(
        expected, rel=1e-5
    )


def test_is_nt_xent_where_there_is_one_positive():
    labels, z = np.arange(16) // 2, batch(16)[1]
    assert float(SupervisedContrastiveLoss(0.2)(labels, z)) == pytest.approx(
        float(NTXentLoss(0.2)(labels, z)), rel=1e-6
    )


def test_a_class_in_one_point_costs_the_log_of_its_size():
    """Positives compete: the best for one class of n is log(n - 1)."""
    value, gradient = oracles.value_and_gradient(
        lambda x: SupervisedContrastiveLoss()(np.zeros(5, int), x), np.ones((5, 3), "float32")
    )
    assert value == pytest.approx(np.log(4), rel=1e-6)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)


def test_a_cold_temperature_stays_finite():
    labels, z = np.array([0, 0, 1]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], "float32")
    value, gradient = oracles.value_and_gradient(lambda x: SupervisedContrastiveLoss(1e-3)(labels, x), z)
    assert value == pytest.approx((1000 + np.log(2)) / 2, rel=1e-6)
    assert np.isfinite(gradient).all()


def test_a_temperature_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match=r"^Expected temperature to be a number above 0, received: 0$"):
        SupervisedContrastiveLoss(0)
