import numpy as np
import oracles
import pytest
from oracles_losses import margin_terms

from tfdml.losses import MarginLoss

pytestmark = pytest.mark.backend


def batch(n=18, dim=6, seed=0):
    rng = np.random.default_rng(seed)
    return np.r_[rng.integers(0, 4, n - 1), 9], rng.normal(size=(n, dim)).astype("float32")


def averaged(terms, average):
    if average == "anchors":
        return np.mean([sum(x * w for x, w in t) / max(1, sum(w for _, w in t)) for t in terms])
    flat = [(x, weight) for anchor in terms for x, weight in anchor]
    counted = sum(weight for x, weight in flat if average == "terms" or x > 0)
    return sum(x * weight for x, weight in flat) / counted


@pytest.mark.parametrize("average", ["nonzero", "terms", "anchors"])
@pytest.mark.parametrize("sampling", ["distance", "uniform"])
@pytest.mark.parametrize("margin, beta, nearest", [(0.2, 1.2, 0.5), (0.5, 1.6, 1.2)])
def test_equals_the_definition(margin, beta, nearest, sampling, average):
    labels, z = batch()
    expected = averaged(margin_terms(labels, z, margin, beta, sampling, nearest), average)
    loss = MarginLoss(margin, beta, sampling, average, nearest)
    assert float(loss(labels, z)) == pytest.approx(expected, rel=1e-4)


def test_is_the_mean_of_draws():
    """One anchor, one positive, two near negatives: drawn a hundred thousand times."""
    rng = np.random.default_rng(0)
    angles = np.array([0.0, 1.0, 0.9, 0.6])
    z = np.c_[np.cos(angles), np.sin(angles), np.zeros((4, 3))].astype("float32")
    d = 2 * np.sin(angles / 2)
    odds = 1 / (d[2:] ** 3 * (1 - d[2:] ** 2 / 4))
    drawn = rng.choice(d[2:], size=100_000, p=odds / odds.sum())
    expected = max(0, d[1] - 1.0) + np.mean(np.maximum(0, 1.4 - drawn))
    loss = MarginLoss(margin=0.2, beta=1.2, average="terms", nearest=0.5)
    value = loss.query_losses(z[:1], np.array([0]), z[1:], np.array([0, 1, 2]))
    assert float(value[0]) == pytest.approx(expected / 2, rel=1e-3)


def test_many_dimensions_do_not_overflow():
    """Densities of 512 dimensions span hundreds of orders of magnitude."""
    labels, z = batch(dim=512)
    z[1] = z[0] + 0.01
    value, gradient = oracles.value_and_gradient(lambda x: MarginLoss(beta=1.8)(labels, x), z)
    assert value > 0 and np.isfinite(gradient).all() and gradient.any()


def test_is_zero_where_the_margin_is_kept():
    labels, z = np.arange(8) // 2, np.repeat(np.eye(4, dtype="float32"), 2, axis=0)
    value, gradient = oracles.value_and_gradient(lambda x: MarginLoss()(labels, x), z)
    assert value == 0 and not gradient.any()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"beta": 0}, "Expected beta to be a number above 0, received: 0"),
        ({"nearest": 0}, "Expected nearest to be a number above 0, received: 0"),
        ({"sampling": "hard"}, "Expected sampling to be one of 'distance', 'uniform', received: 'hard'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError) as error:
        MarginLoss(**arguments)
    assert str(error.value) == message
