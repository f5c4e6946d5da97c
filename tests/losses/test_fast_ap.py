import numpy as np
import oracles
import pytest
from oracles_losses import fast_ap_terms

from tfdml.losses import FastAPLoss, fast_ap

pytestmark = pytest.mark.backend


def batch(n=18, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    return np.r_[rng.integers(0, 4, n - 1), 9], rng.normal(size=(n, dim)).astype("float32")


@pytest.mark.parametrize("average", ["terms", "anchors"])
@pytest.mark.parametrize("bins", [1, 10, 40])
def test_equals_the_definition(bins, average):
    labels, z = batch()
    expected = oracles.averaged(fast_ap_terms(labels, z, bins), average)
    assert float(FastAPLoss(bins, average)(labels, z)) == pytest.approx(expected, rel=1e-5)


def test_many_bins_give_average_precision():
    """Without ties within a bin, it is the mean precision at the places of the positives."""
    rng = np.random.default_rng(0)
    distance, relevant = rng.permutation(12)[None] / 12, rng.integers(0, 2, 12).astype(bool)[None]
    ranking = relevant[0][np.argsort(distance[0])]
    expected = np.mean([ranking[: k + 1].mean() for k in np.flatnonzero(ranking)])
    assert float(fast_ap(distance, relevant, ~relevant, bins=12)[0]) == pytest.approx(expected, rel=1e-5)


def test_distances_at_either_end_count():
    labels, z = np.array([0, 0, 1, 1]), np.array([[1.0], [1.0], [-1.0], [-1.0]], "float32")
    assert float(FastAPLoss()(labels, z)) == 0
    assert float(FastAPLoss()(np.array([0, 1, 0, 1]), z)) == pytest.approx(2 / 3, rel=1e-6)


@pytest.mark.parametrize("bins", [0, 2.5, True])
def test_bins_that_are_no_number_of_bins_are_refused(bins):
    with pytest.raises(ValueError, match=r"^Expected bins to be an integer of at least 1, received: "):
        FastAPLoss(bins)
