import numpy as np
import oracles
import pytest
from oracles_losses import smooth_ap_terms

from tfdml.losses import SmoothAPLoss, smooth_ap

pytestmark = pytest.mark.backend


def batch(n=18, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    return np.r_[rng.integers(0, 4, n - 1), 9], rng.normal(size=(n, dim)).astype("float32")


@pytest.mark.parametrize("average", ["terms", "anchors"])
@pytest.mark.parametrize("temperature", [0.01, 0.5])
def test_equals_the_definition(temperature, average):
    labels, z = batch()
    expected = oracles.averaged(smooth_ap_terms(labels, z, temperature), average)
    assert float(SmoothAPLoss(temperature, average)(labels, z)) == pytest.approx(expected, rel=1e-4)


def test_gradient_equals_finite_differences_of_the_definition():
    labels, z = batch(n=10)
    _, gradient = oracles.value_and_gradient(lambda x: SmoothAPLoss(0.1)(labels, x), z)
    numeric = oracles.finite_differences(
        lambda x: oracles.averaged(smooth_ap_terms(labels, x, 0.1), "terms"), z
    )
    np.testing.assert_allclose(gradient, numeric, atol=1e-5)


def test_a_cold_temperature_gives_average_precision():
    rng = np.random.default_rng(0)
    similarity, relevant = rng.normal(size=(1, 12)), rng.integers(0, 2, 12).astype(bool)[None]
    ranking = relevant[0][np.argsort(-similarity[0])]
    expected = np.mean([ranking[: k + 1].mean() for k in np.flatnonzero(ranking)])
    assert float(smooth_ap(1e4 * similarity, relevant, ~relevant)[0]) == pytest.approx(expected, rel=1e-5)


def test_one_class_of_many_ranks_perfectly():
    """More turns than any batch of few a class."""
    z = batch(n=40)[1]
    assert float(SmoothAPLoss()(np.zeros(40, int), z)) == pytest.approx(0, abs=1e-6)
