import keras
import numpy as np
import oracles
import pytest
from oracles_losses import circle_terms

from tfdml.losses import CircleLoss, circle

pytestmark = pytest.mark.backend


def batch(n=18, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.r_[rng.integers(0, 4, n - 1), 9]  # the last has no positive
    return labels, rng.normal(size=(n, dim)).astype("float32")


@pytest.mark.parametrize("average", ["terms", "nonzero", "anchors"])
@pytest.mark.parametrize("margin, gamma", [(0.4, 80), (0.25, 4)])
def test_equals_the_definition(margin, gamma, average):
    labels, z = batch()
    expected = oracles.averaged(circle_terms(labels, z, margin, gamma), average)
    assert float(CircleLoss(margin, gamma, average)(labels, z)) == pytest.approx(expected, rel=1e-5)


def test_gradient_is_that_of_the_paper():
    """Of one positive and one negative: the logistic function of the exponent, times the weights."""
    s, margin, gamma = np.array([[0.3, 0.6]]), 0.25, 2.0
    masks = np.array([[True, False]]), np.array([[False, True]])
    _, gradient = oracles.value_and_gradient(
        lambda x: keras.ops.sum(circle(x, *masks, margin, gamma)), s.astype("float32")
    )
    pull, push = 1 + margin - 0.3, 0.6 + margin
    exponent = gamma * (push * (0.6 - margin) - pull * (0.3 - 1 + margin))
    share = gamma / (1 + np.exp(-exponent))
    np.testing.assert_allclose(gradient, [[-share * pull, share * push]], rtol=1e-5)


def test_pairs_at_their_optimum_do_not_move():
    """A positive beyond 1 + margin or a negative below -margin has weight 0."""
    masks = np.array([[True, False]]), np.array([[False, True]])
    _, gradient = oracles.value_and_gradient(
        lambda x: keras.ops.sum(circle(x, *masks, 0.1, 1.0)), np.array([[0.5, -0.2]], "float32")
    )
    assert gradient[0, 0] < 0 and gradient[0, 1] == 0


def test_a_huge_scale_stays_finite():
    labels, z = batch()
    value, gradient = oracles.value_and_gradient(lambda x: CircleLoss(gamma=1e4)(labels, x), z)
    assert value > 1e3 and np.isfinite(gradient).all()
