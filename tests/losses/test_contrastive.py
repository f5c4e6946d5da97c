import keras
import numpy as np
import oracles
import pytest

from tfdml.losses import ContrastiveLoss, contrastive

pytestmark = pytest.mark.backend


def batch(n=18, dim=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, n), 0.4 * rng.normal(size=(n, dim)).astype("float32")


def definition(labels, z, average, *arguments):
    positive, negative = oracles.contrastive_terms(labels, z, *arguments)
    if average == "nonzero":
        return oracles.averaged(positive, average) + oracles.averaged(negative, average)
    return oracles.averaged([p + n for p, n in zip(positive, negative, strict=True)], average)


@pytest.mark.parametrize("average", ["anchors", "terms", "nonzero"])
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("distance", ["euclidean", "squared_euclidean", "cosine"])
def test_equals_the_definition(distance, power, average):
    labels, z = batch()
    loss = ContrastiveLoss(0.3, 0.8, power, distance, average)
    expected = definition(labels, z, average, 0.3, 0.8, power, distance)
    assert float(loss(labels, z)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("average", ["anchors", "nonzero"])
@pytest.mark.parametrize("power", [1, 2])
def test_gradient_equals_finite_differences_of_the_definition(power, average):
    labels, z = batch(n=10)
    loss = ContrastiveLoss(0.3, 0.8, power, average=average)
    _, gradient = oracles.value_and_gradient(lambda x: loss(labels, x), z)
    numeric = oracles.finite_differences(lambda x: definition(labels, x, average, 0.3, 0.8, power), z)
    np.testing.assert_allclose(gradient, numeric, atol=1e-5)


def test_the_three_published_forms():
    """Squares and a margin (Hadsell), two margins (Musgrave), and cosines, as sums over ordered pairs."""
    labels, z = batch()
    d, cosine = (oracles.distance_matrix(z, z, name) for name in ("euclidean", "cosine"))
    positive = (labels[:, None] == labels) & ~np.eye(len(z), dtype=bool)
    negative = labels[:, None] != labels
    squared = (d[positive] ** 2).sum() + (np.maximum(0, 1 - d[negative]) ** 2).sum()
    loss = ContrastiveLoss(0, 1, power=2, average="terms")
    assert float(loss(labels, z)) == pytest.approx(squared / (positive | negative).sum(), rel=1e-5)

    def nonzero(terms):
        return terms[terms > 0].mean()

    two = nonzero(d[positive] - 0.25) + nonzero(0.5 - d[negative])
    assert float(ContrastiveLoss()(labels, z)) == pytest.approx(two, rel=1e-5)
    angles = nonzero(cosine[positive]) + nonzero((1 - cosine[negative]) - 0.5)  # 1 - s, and s - 0.5
    loss = ContrastiveLoss(0, 0.5, distance="cosine")
    assert float(loss(labels, z)) == pytest.approx(angles, rel=1e-5)


def test_is_zero_within_the_margins():
    labels = np.array([0, 0, 1, 1])
    z = np.array([[0.0, 0.0], [0.2, 0.0], [0.0, 0.6], [0.2, 0.6]], "float32")
    value, gradient = oracles.value_and_gradient(lambda x: ContrastiveLoss(0.25, 0.5)(labels, x), z)
    assert value == 0 and not gradient.any()


def test_pairs_of_any_shape():
    pairs = contrastive(np.array([[0.5, 2.0], [0.0, 0.25]]), np.array([[True, True], [False, False]]))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(pairs), [[0.25, 4.0], [1.0, 0.5625]])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"positive_margin": -0.1}, "Expected positive_margin to be a number of at least 0, received: -0.1"),
        ({"negative_margin": 0}, "Expected negative_margin to be a number above 0, received: 0"),
        ({"power": 3}, "Expected power to be 1 or 2, received: 3"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError) as error:
        ContrastiveLoss(**arguments)
    assert str(error.value) == message
