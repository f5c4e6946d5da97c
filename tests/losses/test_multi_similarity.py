import keras
import numpy as np
import oracles
import pytest
from oracles_losses import multi_similarity_values

from tfdml.losses import MultiSimilarityLoss

pytestmark = pytest.mark.backend


def batch(n=18, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    return np.r_[rng.integers(0, 4, n - 1), 9], rng.normal(size=(n, dim)).astype("float32")


@pytest.mark.parametrize("epsilon", [None, 0.0, 0.1, 3.0])
@pytest.mark.parametrize("alpha, beta, base", [(2, 50, 0.5), (18, 75, 0.77), (1, 1, -0.2)])
def test_equals_the_definition(alpha, beta, base, epsilon):
    labels, z = batch()
    values = MultiSimilarityLoss(alpha, beta, base, epsilon, reduction="none")(labels, z)
    expected = multi_similarity_values(labels, z, alpha, beta, base, epsilon)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(values), expected, rtol=2e-5, atol=1e-7)


def test_a_wide_epsilon_keeps_all_pairs_of_anchors_with_both_kinds():
    labels, z = batch()
    labels[-1] = 0  # now none is alone
    assert float(MultiSimilarityLoss(epsilon=2.1)(labels, z)) == pytest.approx(
        float(MultiSimilarityLoss(epsilon=None)(labels, z)), rel=1e-6
    )


def test_is_zero_where_positives_are_nearer_by_epsilon():
    labels, z = np.arange(8) // 2, np.repeat(np.eye(4, dtype="float32"), 2, axis=0)
    value, gradient = oracles.value_and_gradient(
        lambda x: MultiSimilarityLoss(epsilon=0.9)(labels, x), z + 0.01 * batch(8)[1]
    )
    assert value == 0 and not gradient.any()


def test_weights_of_a_thousand_stay_finite():
    labels, z = np.array([0, 0, 1]), np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]], "float32")
    value, gradient = oracles.value_and_gradient(
        lambda x: MultiSimilarityLoss(alpha=1000, beta=1000, base=0)(labels, x), z
    )
    # The first: a positive at -1 and a negative at 1. The second: both at -1. The third: a negative at 1.
    expected = np.array([1 + 1, 1 + 0, 0])
    assert value == pytest.approx(expected.mean(), rel=1e-3)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"alpha": 0}, "Expected alpha to be a number above 0, received: 0"),
        ({"beta": -1}, "Expected beta to be a number above 0, received: -1"),
        ({"base": "half"}, "Expected base to be a number, received: 'half'"),
        ({"epsilon": -0.1}, "Expected epsilon to be a number of at least 0, received: -0.1"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError) as error:
        MultiSimilarityLoss(**arguments)
    assert str(error.value) == message
