import keras
import numpy as np
import oracles
import pytest
from oracles_losses import generalized_lifted_structure_terms, lifted_structure_terms

from tfdml.losses import GeneralizedLiftedStructureLoss, LiftedStructureLoss, lifted_structure

pytestmark = pytest.mark.backend
DISTANCES = ["euclidean", "squared_euclidean", "cosine"]


def batch(n=18, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    return np.r_[rng.integers(0, 4, n - 1), 9], rng.normal(size=(n, dim)).astype("float32")


@pytest.mark.parametrize("average", ["terms", "anchors"])
@pytest.mark.parametrize("temperature", [1.0, 0.1])
@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize(
    "make, definition",
    [
        (LiftedStructureLoss, lifted_structure_terms),
        (GeneralizedLiftedStructureLoss, generalized_lifted_structure_terms),
    ],
)
def test_equals_the_definition(make, definition, distance, temperature, average):
    labels, z = batch()
    expected = oracles.averaged(definition(labels, z, 0.7, temperature, distance), average)
    assert float(make(0.7, temperature, distance, average)(labels, z)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("make", [LiftedStructureLoss, GeneralizedLiftedStructureLoss])
def test_is_zero_where_classes_are_far_apart(make):
    labels, z = np.arange(8) // 2, 20 * np.repeat(np.eye(4, dtype="float32"), 2, axis=0)
    value, gradient = oracles.value_and_gradient(lambda x: make()(labels, x), z)
    assert value == 0 and not gradient.any()


@pytest.mark.parametrize("make", [LiftedStructureLoss, GeneralizedLiftedStructureLoss])
@pytest.mark.parametrize("labels", [np.zeros(6, int), np.arange(6)], ids=["one class", "all distinct"])
def test_is_zero_without_a_positive_or_a_negative(make, labels):
    value, gradient = oracles.value_and_gradient(lambda x: make()(labels, x), batch(n=6)[1])
    assert value == 0 and not gradient.any()


def test_of_two_sets_each_end_has_the_negatives_of_the_other_set():
    rng = np.random.default_rng(0)
    q, k, y, key_y = (
        rng.normal(size=(5, 3)),
        rng.normal(size=(7, 3)),
        rng.integers(0, 2, 5),
        rng.integers(0, 2, 7),
    )
    d = oracles.distance_matrix(q, k)
    expected = np.zeros((5, 7))
    for i, j in zip(*np.nonzero(y[:, None] == key_y[None]), strict=True):
        others = [*d[i, key_y != y[i]], *d[y != key_y[j], j]]
        expected[i, j] = max(0, np.log(np.sum(np.exp(0.5 - np.array(others)))) + d[i, j]) ** 2 / 2
    same = y[:, None] == key_y[None]
    values = lifted_structure(d, same, ~same, margin=0.5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(values), expected, rtol=1e-5)


def test_large_distances_do_not_overflow():
    labels, z = np.array([0, 0, 1, 1]), np.array([[0.0], [1000.0], [10.0], [0.0]], "float32")
    for make in (LiftedStructureLoss, GeneralizedLiftedStructureLoss):
        value, gradient = oracles.value_and_gradient(lambda x, m=make: m()(labels, x), z)
        assert value > 100 and np.isfinite(value) and np.isfinite(gradient).all()


def test_a_negative_margin_is_refused():
    for make in (LiftedStructureLoss, GeneralizedLiftedStructureLoss):
        with pytest.raises(ValueError, match=r"^Expected margin to be a number of at least 0, received: -1$"):
            make(-1)
