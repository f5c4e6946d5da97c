import numpy as np
import oracles
import pytest
from oracles_losses import intra_pair_variance, tuplet_margin_terms

from tfdml.losses import IntraPairVarianceLoss, TupletMarginLoss

pytestmark = pytest.mark.backend


def batch(n=18, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    return np.r_[rng.integers(0, 4, n - 1), 9], rng.normal(size=(n, dim)).astype("float32")


@pytest.mark.parametrize("average", ["terms", "anchors"])
@pytest.mark.parametrize("margin, scale", [(5.73, 64), (0, 1), (60, 8)])
def test_equals_the_definition(margin, scale, average):
    labels, z = batch()
    expected = oracles.averaged(tuplet_margin_terms(labels, z, margin, scale), average)
    assert float(TupletMarginLoss(margin, scale, average)(labels, z)) == pytest.approx(expected, rel=1e-5)


def test_near_positives_have_a_bounded_gradient():
    """The derivative of the angle is infinite at a cosine of 1; that of the loss is not."""
    labels = np.array([0, 0, 1])
    for apart in (0.0, 1e-7, 1e-5, 1e-3):
        z = np.array([[1.0, 0.0], [1.0, apart], [0.9, 0.1]], "float32")
        _, gradient = oracles.value_and_gradient(lambda x: TupletMarginLoss()(labels, x), z)
        assert np.abs(gradient).max() < 3 * 64


@pytest.mark.parametrize("epsilons", [(0.01, 0.01), (0.3, 0.0)])
def test_variance_equals_the_definition(epsilons):
    labels, z = batch()
    expected = intra_pair_variance(labels, z, *epsilons)
    assert float(IntraPairVarianceLoss(*epsilons)(labels, z)) == pytest.approx(expected, rel=1e-5)


def test_no_variance_where_all_cosines_are_equal():
    labels, z = np.arange(8) // 2, np.repeat(np.eye(4, dtype="float32"), 2, axis=0)
    value, gradient = oracles.value_and_gradient(lambda x: IntraPairVarianceLoss()(labels, x), z)
    assert value == 0 and not gradient.any()
