"""What the losses under the names of other libraries keep to, as far as those libraries let them."""

import keras
import numpy as np
import pytest
from keras import ops
from loss_contracts import (
    ADDONS,
    DEGENERATE,
    below,
    check_compiles_to_the_same_numbers,
    check_configuration,
    check_finite,
    check_is_traced_once,
    each,
    every_precision,
    tensorflow_only,
)

from tfdml.compat.tensorflow_addons.losses import (
    ContrastiveLoss,
    LiftedStructLoss,
    NpairsLoss,
    NpairsMultilabelLoss,
    TripletHardLoss,
    TripletSemiHardLoss,
)
from tfdml.compat.tensorflow_addons.losses.base import AddonsLoss

every_loss = each(ADDONS)
ON_EMBEDDINGS = [LiftedStructLoss, TripletHardLoss, TripletSemiHardLoss]
ON_SIMILARITIES = [NpairsLoss, NpairsMultilabelLoss]


def labels_of(make, labels):
    """The labels as the loss takes them: numbers, rows of 0 and 1, or whether a pair is one of one class."""
    if make is NpairsMultilabelLoss:
        return np.eye(10, dtype=int)[labels]
    return (labels % 2) if make is ContrastiveLoss else labels


def batch(make, n=12):
    """Labels of classes of unequal size, and embeddings, similarities, or distances of pairs."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.r_[np.repeat([5, 2, 7], [n // 2, n // 4, n - 1 - n // 2 - n // 4]), 9])
    z = rng.normal(size=(n, 4)).astype("float32")
    x = {ContrastiveLoss: np.abs(z[:, 0])}.get(make, z @ z.T if make in ON_SIMILARITIES else z)
    return labels_of(make, labels), x


def test_every_class_is_public():
    ours = {c for c in below(keras.losses.Loss) if c.__module__.startswith("tfdml.compat")}
    assert ours - {AddonsLoss} == set(ADDONS)
    assert {*ON_EMBEDDINGS, *ON_SIMILARITIES, ContrastiveLoss} == set(ADDONS)


@every_loss
@pytest.mark.backend
def test_survives_its_configuration(make):
    margin = {"margin": 0.3} if "margin" in make().get_config() else {}
    revived = check_configuration(make(name="other", **margin), *batch(make))
    assert revived.get_config().get("margin", 0.3) == 0.3
    assert keras.saving.get_registered_name(make) == f"Addons>{make.__name__}"


@pytest.mark.backend
@every_loss
@every_precision
@pytest.mark.parametrize(
    "labels, z",
    [
        *DEGENERATE,
        pytest.param(np.arange(8) // 2, 1e2 * np.eye(8), id="huge"),
    ],
)
def test_degenerate_batches_have_a_finite_loss_and_gradient(make, labels, z, dtype):
    x = z @ z.T if make in ON_SIMILARITIES else z[:, 0] if make is ContrastiveLoss else z
    check_finite(make(), labels_of(make, labels), ops.cast(x, dtype))


@pytest.mark.backend
@each([*ON_EMBEDDINGS, NpairsLoss])
def test_labels_stay_apart_above_two_to_the_24(make):
    """Where they are given, and in `fit`, where Keras casts them to floats."""
    _, x = batch(make)
    few = np.arange(len(x)) % 2
    identity = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Rescaling(1.0)])
    identity.compile("sgd", loss=make())
    values = [
        (float(make()(labels, x)), identity.evaluate(x, labels, batch_size=len(x), verbose=0))
        for labels in (few, few + 2**24, 0 * few)
    ]
    assert values[0] == values[1] != values[2]
    assert values[0][0] == pytest.approx(values[0][1], rel=1e-6)


@tensorflow_only
@every_loss
def test_compiles_to_the_same_numbers(make):
    check_compiles_to_the_same_numbers(make(), *batch(make))


@tensorflow_only
@each(ON_EMBEDDINGS)
def test_is_traced_once_whatever_the_batch_holds(make):
    labels, z = batch(make)
    check_is_traced_once(make(), [(labels, z), (0 * labels, z), (labels[:5], z[:5])])
