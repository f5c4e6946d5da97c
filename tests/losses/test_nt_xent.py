import numpy as np
import oracles
import pytest

from tfdml.losses import NTXentLoss

pytestmark = pytest.mark.backend


def batch(n=18, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.r_[rng.integers(0, 4, n - 1), 9]  # the last has no positive
    return labels, rng.normal(size=(n, dim)).astype("float32")


@pytest.mark.parametrize("average", ["terms", "anchors"])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_equals_the_definition(temperature, average):
    labels, z = batch()
    expected = oracles.averaged(oracles.nt_xent_terms(labels, z, temperature), average)
    assert float(NTXentLoss(temperature, average)(labels, z)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("average", ["terms", "anchors"])
def test_gradient_equals_finite_differences_of_the_definition(average):
    labels, z = batch(n=10)
    _, gradient = oracles.value_and_gradient(lambda x: NTXentLoss(0.2, average)(labels, x), z)
    numeric = oracles.finite_differences(
        lambda x: oracles.averaged(oracles.nt_xent_terms(labels, x, 0.2), average), z
    )
    np.testing.assert_allclose(gradient, numeric, atol=2e-5)


def test_norms_do_not_matter():
    labels, z = batch()
    scaled = z * np.random.default_rng(1).uniform(0.01, 100, size=(len(z), 1)).astype("float32")
    assert float(NTXentLoss()(labels, scaled)) == pytest.approx(float(NTXentLoss()(labels, z)), rel=1e-5)


def test_one_positive_and_n_negatives_that_cannot_be_told_apart():
    labels = np.arange(8) // 2
    assert float(NTXentLoss()(labels, np.ones((8, 3)))) == pytest.approx(np.log(7), rel=1e-6)


def test_a_cold_temperature_stays_finite():
    """Exponents of a thousand: only the difference of the nearest negative and the positive is left."""
    labels, z = np.array([0, 0, 1]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], "float32")
    value, gradient = oracles.value_and_gradient(lambda x: NTXentLoss(1e-3)(labels, x), z)
    assert value == pytest.approx((1000 + np.log(2)) / 2, rel=1e-6)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("temperature", [0, -0.1, "cold"])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError) as error:
        NTXentLoss(temperature)
    assert str(error.value) == f"Expected temperature to be a number above 0, received: {temperature!r}"
