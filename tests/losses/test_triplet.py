import warnings

import keras
import numpy as np
import oracles
import pytest

from tfdml.losses import TripletLoss

pytestmark = pytest.mark.backend

CASES = [
    ("all", 0.3),
    ("hard", 0.3),
    ("hard", "soft"),
    ("semi_hard", 0.3),
    ("semi_hard", "soft"),
]


def batch(n=18, dim=4, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, n), rng.normal(size=(n, dim)).astype("float32")


@pytest.mark.parametrize("average", ["anchors", "terms", "nonzero"])
@pytest.mark.parametrize("distance", ["euclidean", "squared_euclidean", "cosine"])
@pytest.mark.parametrize("mining, margin", CASES)
def test_equals_the_definition(mining, margin, distance, average):
    labels, z = batch()
    terms = oracles.triplet_terms(labels, z, margin, mining, distance)
    loss = TripletLoss(margin, distance, mining, average)
    assert float(loss(labels, z)) == pytest.approx(oracles.averaged(terms, average), rel=2e-5)


@pytest.mark.parametrize("mining, margin", CASES)
def test_gradient_equals_finite_differences_of_the_definition(mining, margin):
    labels, z = batch(n=10)

    def definition(x):
        return oracles.averaged(oracles.triplet_terms(labels, x, margin, mining), "terms")

    loss = TripletLoss(margin, mining=mining, average="terms")
    _, gradient = oracles.value_and_gradient(lambda x: loss(labels, x), z)
    np.testing.assert_allclose(gradient, oracles.finite_differences(definition, z), atol=1e-5)


@pytest.mark.parametrize("mining", ["all", "hard", "semi_hard"])
@pytest.mark.parametrize("seed", range(4))
def test_equal_distances_do_not_confuse_it(mining, seed):
    """On a small grid many distances, and many hinges of zero, are exactly equal."""
    rng = np.random.default_rng(seed)
    labels, z = rng.integers(0, 3, 16), rng.integers(0, 3, size=(16, 2)).astype("float32")
    for average in ("terms", "nonzero"):
        terms = oracles.triplet_terms(labels, z, 1, mining, "squared_euclidean")
        loss = TripletLoss(1, "squared_euclidean", mining, average)
        assert float(loss(labels, z)) == pytest.approx(oracles.averaged(terms, average), rel=1e-6)


def test_each_source_has_its_average():
    assert TripletLoss().average == "nonzero"
    assert TripletLoss(mining="hard").average == "anchors"
    assert TripletLoss(mining="semi_hard").average == "terms"
    assert TripletLoss(mining="hard", average="nonzero").average == "nonzero"


@pytest.mark.parametrize("mining", ["all", "hard", "semi_hard"])
def test_is_zero_where_the_margin_is_kept(mining):
    labels, z = np.arange(8) // 2, np.repeat(np.eye(4, dtype="float32"), 2, axis=0)
    value, gradient = oracles.value_and_gradient(lambda x: TripletLoss(1.4, mining=mining)(labels, x), z)
    assert value == 0 and not gradient.any()
    assert float(TripletLoss(1.5, mining=mining)(labels, z)) == pytest.approx(1.5 - 2**0.5, rel=1e-5)


@pytest.mark.parametrize("mining", ["all", "hard", "semi_hard"])
@pytest.mark.parametrize("average", ["anchors", "terms", "nonzero"])
@pytest.mark.parametrize("margin", [0.3, "soft"])
def test_an_anchor_without_a_triplet_has_loss_zero_and_no_gradient(mining, average, margin):
    if (mining, margin) == ("all", "soft"):
        return
    loss = TripletLoss(margin, mining=mining, average=average)
    for labels in (np.zeros(6, int), np.arange(6)):
        value, gradient = oracles.value_and_gradient(lambda x, y=labels: loss(y, x), batch(n=6)[1])
        assert value == 0 and not gradient.any()


@keras.saving.register_keras_serializable(package="test_triplet")
def manhattan(queries, keys):
    return keras.ops.sum(keras.ops.abs(queries[:, None] - keys[None, :]), axis=-1)


@pytest.mark.parametrize("mining", ["all", "hard", "semi_hard"])
def test_distance_may_be_a_function_and_is_revived(mining):
    labels, z = batch()
    loss = TripletLoss(0.3, distance=manhattan, mining=mining)
    config = keras.losses.serialize(loss)
    revived = keras.losses.deserialize(config)
    assert revived.distance is manhattan
    assert keras.losses.serialize(revived) == config
    assert float(revived(labels, z)) == float(loss(labels, z)) > 0


def test_trains_retrieval_on_unseen_samples():
    """Noise hides the class in all but two of 16 dimensions; a linear embedding learns to drop it."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(10, 2))
    labels = np.arange(400) % 10
    x = rng.normal(size=(400, 16))
    x[:, :2] = 3 * centers[labels] + 0.3 * rng.normal(size=(400, 2))
    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(4, use_bias=False)])
    model.compile(keras.optimizers.Adam(0.02), loss=TripletLoss(0.2, mining="semi_hard"))

    def recall(z):
        d = ((z[:, None] - z[None]) ** 2).sum(-1)
        np.fill_diagonal(d, np.inf)
        return (labels[300:][d.argmin(1)] == labels[300:]).mean()

    before = recall(model.predict(x[300:], verbose=0))
    model.fit(x[:300], labels[:300], batch_size=50, epochs=15, verbose=0)
    assert recall(model.predict(x[300:], verbose=0)) > before + 0.2


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"margin": -1}, "Expected margin to be a number of at least 0, received: -1"),
        ({"margin": float("nan")}, "Expected margin to be a number of at least 0, received: nan"),
        ({"margin": "big"}, "Expected margin to be a number of at least 0 or 'soft', received: 'big'"),
        ({"margin": None}, "Expected margin to be a number of at least 0, received: None"),
        (
            {"mining": "soft"},
            "Expected mining to be one of 'all', 'hard', 'semi_hard', 'easy_positive', 'distance_weighted', "
            "'multi_similarity' or a function, received: 'soft'",
        ),
        (
            {"margin": "soft"},
            "Expected mining to be 'hard' or 'semi_hard' if margin='soft', received: 'all'",
        ),
        (
            {"distance": "l3"},
            "Expected distance to be one of 'euclidean', 'squared_euclidean', 'cosine' or a function, "
            "received: 'l3'",
        ),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError) as error:
        TripletLoss(**arguments)
    assert str(error.value) == message


def test_a_lambda_cannot_be_saved_in_silence():
    loss = TripletLoss(distance=lambda queries, keys: queries @ keys.T)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = keras.losses.serialize(loss)
    with pytest.raises(ValueError, match="lambda"):
        keras.losses.deserialize(config)
