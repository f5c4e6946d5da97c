import keras
import numpy as np
import oracles
import pytest
from oracles_losses import angular_terms

from tfdml.losses import AngularLoss, NPairAngularLoss, NPairLoss

pytestmark = pytest.mark.backend


def batch(n=18, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    return np.r_[rng.integers(0, 4, n - 1), 9], rng.normal(size=(n, dim)).astype("float32")


@pytest.mark.parametrize("average", ["terms", "anchors"])
@pytest.mark.parametrize("alpha", [36, 45, 70])
def test_equals_the_definition(alpha, average):
    labels, z = batch()
    expected = oracles.averaged(angular_terms(labels, z, alpha), average)
    assert float(AngularLoss(alpha, average)(labels, z)) == pytest.approx(expected, rel=1e-5)


def test_gradient_equals_finite_differences_of_the_definition():
    labels, z = batch(n=10)
    _, gradient = oracles.value_and_gradient(lambda x: AngularLoss()(labels, x), z)
    numeric = oracles.finite_differences(lambda x: oracles.averaged(angular_terms(labels, x, 45), "terms"), z)
    np.testing.assert_allclose(gradient, numeric, atol=1e-5)


def test_gradient_reaches_keys_that_are_not_queries():
    labels, z = batch(n=10)
    loss, half = AngularLoss(), 4

    def total(keys):
        return keras.ops.sum(loss.query_losses(z[:half], labels[:half], keys, labels[half:]))

    _, gradient = oracles.value_and_gradient(total, z[half:])
    as_float = lambda keys: float(total(keras.ops.convert_to_tensor(keys.astype("float32"))))  # noqa: E731
    numeric = oracles.finite_differences(as_float, z[half:], step=1e-2)
    np.testing.assert_allclose(gradient, numeric, atol=1e-2 * np.abs(numeric).max())


def test_equals_a_cross_entropy_for_pairs():
    """The N-pair form: with t = tan²(alpha), 2 (1 + t) a · p on the diagonal and 4 t (a + p) · n off it."""
    z = batch(n=12)[1]
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    a, p, t = z[:6], z[6:], np.tan(np.radians(40)) ** 2
    logits = 4 * t * (a + p) @ p.T
    logits[np.eye(6, dtype=bool)] = 2 * (1 + t) * np.sum(a * p, axis=1)
    crossed = np.log(np.sum(np.exp(logits), axis=1)) - np.diag(logits)
    values = AngularLoss(40, average="anchors").query_losses(a, np.arange(6), p, np.arange(6))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(values), crossed, rtol=1e-5)


def test_beside_n_pair():
    labels, z = batch()
    both = float(NPairAngularLoss(alpha=40, weight=0.5, l2=0.1)(labels, z))
    parts = float(NPairLoss(0.1)(labels, z)) + 0.5 * float(AngularLoss(40, average="anchors")(labels, z))
    assert both == pytest.approx(parts, rel=1e-6)


@pytest.mark.parametrize("alpha", [0, 90, 100])
def test_an_angle_outside_is_refused(alpha):
    for make in (AngularLoss, NPairAngularLoss):
        with pytest.raises(ValueError, match=rf"^Expected alpha to be a number .* received: {alpha}$"):
            make(alpha)
