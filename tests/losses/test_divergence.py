import json

import keras
import numpy as np
import oracles
import pytest
from oracles_losses import divergence_values

from tfdml.losses import DivergenceLoss, NTXentLoss

pytestmark = pytest.mark.backend


def batch(n=12, dim=8, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, n), rng.normal(size=(n, dim)).astype("float32")


@pytest.mark.parametrize("form, margin", [("cosine", 0.2), ("squared_euclidean", 2.0), ("euclidean", 1.5)])
@pytest.mark.parametrize("learners", [2, 4])
def test_is_the_mean_over_learners_and_what_keeps_them_apart(learners, form, margin):
    labels, z = batch()
    loss = NTXentLoss(0.2)
    parts = [float(loss(labels, part)) for part in np.split(z, learners, axis=1)]
    expected = np.mean(parts) + 0.5 * np.mean(divergence_values(z, learners, form, margin))
    value = float(DivergenceLoss(loss, learners, form, margin, weight=0.5)(labels, z))
    assert value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("form, margin", [("cosine", 0.2), ("squared_euclidean", 1.0), ("euclidean", 1.0)])
def test_learners_farther_apart_than_the_margin_lose_nothing(form, margin):
    labels, z = np.array([0, 0, 1]), np.array([[1.0, 0.0, 0.0, 1.0]] * 3, "float32")
    plain, kept = (float(DivergenceLoss(form=form, margin=margin, weight=w)(labels, z)) for w in (0.0, 9.0))
    assert kept == plain
    together = np.array([[1.0, 0.0, 1.0, 0.0]] * 3, "float32")
    assert float(DivergenceLoss(form=form, margin=margin, weight=9.0)(labels, together)) > plain + 1


@pytest.mark.parametrize("form", ["cosine", "squared_euclidean", "euclidean"])
def test_learners_that_agree_have_a_finite_gradient(form):
    labels, z = batch()
    z[:, 4:] = z[:, :4]
    loss = DivergenceLoss(form=form, margin=0.9)
    value, gradient = oracles.value_and_gradient(lambda x: loss(labels, x), z)
    assert np.isfinite(value) and np.isfinite(gradient).all()


def test_the_loss_inside_is_revived():
    loss = DivergenceLoss(NTXentLoss(0.3), learners=4)
    revived = keras.losses.deserialize(json.loads(json.dumps(keras.losses.serialize(loss))))
    assert isinstance(revived.loss, NTXentLoss) and revived.loss.temperature == 0.3
    assert float(revived(*batch())) == float(loss(*batch()))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"loss": "triplet"}, "Expected loss to be a MetricLoss, received: 'triplet'"),
        ({"learners": 1}, "Expected learners to be an integer of at least 2, received: 1"),
        (
            {"form": "l3"},
            "Expected form to be one of 'cosine', 'squared_euclidean', 'euclidean', received: 'l3'",
        ),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError) as error:
        DivergenceLoss(**arguments)
    assert str(error.value) == message


def test_dimensions_that_do_not_divide_are_named():
    message = r"^Expected dimensions to be a multiple of learners \(3\), received: 8$"
    with pytest.raises(ValueError, match=message):
        DivergenceLoss(learners=3)(*batch())
