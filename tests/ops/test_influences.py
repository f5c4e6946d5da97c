"""The influence of a center on predictions, against finite differences of what it is the derivative of."""

import keras
import numpy as np
import pytest
from keras import ops

from tfdml.ops import as_distributions, influence, project_to_simplex

pytestmark = pytest.mark.backend
as_numpy = ops.convert_to_numpy
RNG = np.random.default_rng(0)


def case(points=6, neighbors=9, classes=4, scale=1.0, dtype="float64"):
    logits = scale * RNG.normal(size=(points, neighbors)).astype(dtype)
    own = scale * RNG.normal(size=points).astype(dtype)
    valid = RNG.uniform(size=logits.shape) < 0.8
    valid[:, 0] = True
    targets = RNG.dirichlet(np.ones(classes), (points, neighbors)).astype(dtype)
    return own, logits, valid, RNG.dirichlet(np.ones(classes)).astype(dtype), targets


def predicted(own, logits, valid, target, targets, epsilon):
    """Equation 11 as it stands, `(points, classes)`."""
    rows = []
    for k0, k, counts, y in zip(np.exp(own), np.exp(logits), valid, targets, strict=True):
        above = sum((ki * yi for ki, yi, c in zip(k, y, counts, strict=True) if c), epsilon * k0 * target)
        rows.append(above / (k[counts].sum() + epsilon * k0))
    return np.array(rows)


# Other backends compute what NumPy gives them in float32.
PRECISE = keras.backend.backend() == "tensorflow"


def test_is_the_derivative_of_predictions_by_the_weight_of_the_center():
    given = case()
    step = 1e-5
    expected = (predicted(*given, step) - predicted(*given, -step)) / (2 * step)
    got = influence(*given[:4], predicted(*given, 0))
    np.testing.assert_allclose(as_numpy(got), expected, atol=1e-8 if PRECISE else 2e-6)


@pytest.mark.parametrize("epsilon", [0.3, 1.0, 5.0])
def test_is_the_difference_for_any_share_of_the_weight(epsilon):
    given = case()
    expected = (predicted(*given, epsilon) - predicted(*given, 0)) / epsilon
    got = influence(*given[:4], predicted(*given, 0), epsilon)
    np.testing.assert_allclose(as_numpy(got), expected, atol=1e-12 if PRECISE else 2e-6)


@pytest.mark.parametrize("epsilon", [0.0, 1.0])
@pytest.mark.parametrize("scale", [1e2, 1e6, 1e28], ids=["far", "farther", "farthest"])
def test_is_finite_far_from_everything(scale, epsilon):
    own, logits, valid, target, targets = case(scale=scale, dtype="float32")
    got = as_numpy(influence(-abs(own), -abs(logits), valid, target, targets[:, 0], epsilon))
    assert np.isfinite(got).all()
    assert (abs(got.sum(axis=1)) <= 1e-5 * np.maximum(abs(got).sum(axis=1), 1)).all()
    if epsilon:
        assert (abs(got) <= 1).all()


def test_a_point_without_neighbours_is_not_influenced():
    own, logits, valid, target, targets = case(dtype="float32")
    for epsilon in 0.0, 1.0:
        assert (as_numpy(influence(own, logits, valid & False, target, targets[:, 0], epsilon)) == 0).all()


def nearest_distribution(row):
    """By bisection for the level that leaves the sum 1."""
    row, low, high = row - row.max(), -1.0, 0.0
    for _ in range(100):
        level = (low + high) / 2
        low, high = (level, high) if np.maximum(row - level, 0).sum() > 1 else (low, level)
    return np.maximum(row - high, 0)


@pytest.mark.parametrize("scale", [0.1, 1.0, 1e3, 1e20])
def test_projects_to_the_nearest_distribution(scale):
    rows = (scale * RNG.normal(size=(20, 7))).astype("float32")
    got = as_numpy(project_to_simplex(rows))
    expected = np.stack([nearest_distribution(row) for row in rows.astype("float64")])
    np.testing.assert_allclose(got, expected, atol=1e-4 if scale > 1 else 1e-6)
    assert (got >= 0).all()
    np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(as_numpy(project_to_simplex(got)), got, atol=1e-6)


def test_what_is_a_distribution_stays_and_what_is_none_is_counted():
    rows = np.array([[0.5, 0.5, 0], [1.1, 0, -0.1], [1 + 1e-8, 0, -1e-8]], "float32")
    got, projected = map(as_numpy, as_distributions(rows))
    assert projected.tolist() == [False, True, False]
    np.testing.assert_allclose(got, [[0.5, 0.5, 0], [1, 0, 0], [1, 0, 0]], atol=1e-7)
