import keras
import numpy as np
import oracles
import pytest
from oracles_losses import ranked_list_values

from tfdml.losses import RankedListLoss

pytestmark = pytest.mark.backend


def batch(n=18, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, dim))
    return np.r_[rng.integers(0, 4, n - 1), 9], (z / np.linalg.norm(z, axis=1, keepdims=True)).astype(
        "float32"
    )


@pytest.mark.parametrize("settings", [(0.4, 1.2, 10, 0, 0.5), (0.2, 1.4, 0, 3, 0.3), (0.0, 1.0, 10, 0, 1.0)])
def test_equals_the_definition(settings):
    labels, z = batch()
    values = keras.ops.convert_to_numpy(RankedListLoss(*settings, reduction="none")(labels, z))
    np.testing.assert_allclose(values, ranked_list_values(labels, z, *settings), rtol=1e-4, atol=1e-6)


def test_is_zero_where_all_are_on_their_side():
    labels, z = np.arange(8) // 2, np.repeat(np.eye(4, dtype="float32"), 2, axis=0)
    value, gradient = oracles.value_and_gradient(lambda x: RankedListLoss()(labels, x), z)
    assert value == 0 and not gradient.any()


def test_a_high_temperature_takes_the_nearest_negative():
    """In logarithms: the other library warns of overflow above 5."""
    labels, z = np.array([0, 1, 2]), np.array([[0.0], [0.1], [1.0]], "float32")
    loss = RankedListLoss(negative_temperature=1e4, balance=1.0, reduction="none")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(loss(labels, z)), [1.1, 1.1, 0.3], rtol=1e-5)


@pytest.mark.parametrize("balance", [-0.1, 1.5])
def test_a_share_outside_is_refused(balance):
    with pytest.raises(ValueError, match=rf"^Expected balance to be a number .* received: {balance}$"):
        RankedListLoss(balance=balance)
