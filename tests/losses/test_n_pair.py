import keras
import numpy as np
import oracles
import pytest
from oracles_losses import multi_label_n_pair_values

from tfdml.losses import NPairLoss, n_pair

pytestmark = pytest.mark.backend


def batch(n=18, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.r_[rng.integers(0, 4, n - 1), 9]  # the last has no positive
    return labels, rng.normal(size=(n, dim)).astype("float32")


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_equals_the_definition(l2):
    labels, z = batch()
    values = keras.ops.convert_to_numpy(NPairLoss(l2, reduction="none")(labels, z))
    np.testing.assert_allclose(values, oracles.n_pair_values(labels, z, l2), rtol=1e-5)


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_gradient_equals_finite_differences_of_the_definition(l2):
    labels, z = batch(n=10)
    _, gradient = oracles.value_and_gradient(lambda x: NPairLoss(l2)(labels, x), z)
    numeric = oracles.finite_differences(lambda x: np.mean(oracles.n_pair_values(labels, x, l2)), z)
    np.testing.assert_allclose(gradient, numeric, atol=1e-5)


def test_the_penalty_is_the_usual_one_on_anchors_and_positives():
    """l2 / 4 times the mean squared norm of anchors plus that of positives."""
    rng = np.random.default_rng(0)
    a, p, y = (
        rng.normal(size=(5, 3)).astype("float32"),
        rng.normal(size=(5, 3)).astype("float32"),
        np.arange(5),
    )
    plain, penalised = (float(keras.ops.mean(NPairLoss(l2).query_losses(a, y, p, y))) for l2 in (0.0, 0.02))
    expected = 0.02 / 4 * (np.square(a).sum(1).mean() + np.square(p).sum(1).mean())
    assert penalised - plain == pytest.approx(expected, rel=1e-3)


def test_keys_that_cannot_be_told_apart():
    assert float(NPairLoss()(np.arange(8) // 2, np.ones((8, 3)))) == pytest.approx(np.log(7), rel=1e-6)


def test_samples_with_several_labels():
    rng = np.random.default_rng(0)
    rows, z = rng.integers(0, 2, size=(10, 4)), batch(n=10)[1]
    rows[3] = 0  # none at all
    for given in (rows, rows.astype(bool), rows.astype("float32"), keras.ops.convert_to_tensor(rows)):
        values = keras.ops.convert_to_numpy(NPairLoss(reduction="none")(given, z))
        np.testing.assert_allclose(values, multi_label_n_pair_values(rows, z), rtol=1e-5)
    _, gradient = oracles.value_and_gradient(lambda x: NPairLoss()(rows, x), z)
    numeric = oracles.finite_differences(lambda x: np.mean(multi_label_n_pair_values(rows, x)), z)
    np.testing.assert_allclose(gradient, numeric, atol=1e-5)


def test_parts_of_labels_as_a_matrix_of_similarities_has_them():
    """The cross-entropy against normalised numbers of shared labels, a sample's own pair among them."""
    rng = np.random.default_rng(0)
    rows, s = rng.integers(0, 2, size=(5, 4)), rng.normal(size=(5, 5))
    rows[:, 0] = 1
    shared = rows @ rows.T
    log_softmax = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
    expected = -(shared / shared.sum(axis=1, keepdims=True) * log_softmax).sum(axis=1)
    values = keras.ops.convert_to_numpy(n_pair(s, shared, shared == 0))
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_fit_with_several_labels():
    rows, z = np.random.default_rng(0).integers(0, 2, size=(16, 3)), batch(n=16)[1]
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("sgd", loss=NPairLoss())
    assert np.isfinite(model.fit(z, rows, batch_size=8, verbose=0).history["loss"]).all()


def test_rows_that_are_not_binary_are_refused():
    with pytest.raises(ValueError, match="Expected labels to be"):
        NPairLoss()(np.array([[2, 0], [0, 1]]), np.eye(2))


def test_a_negative_weight_is_refused():
    with pytest.raises(ValueError, match=r"^Expected l2 to be a number of at least 0, received: -1$"):
        NPairLoss(-1)
