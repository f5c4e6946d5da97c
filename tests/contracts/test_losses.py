"""What every public loss on embeddings keeps to, with its default arguments; a new class joins in.

Losses on similarities to classes have their own contract, in test_class_losses.py.
"""

import keras
import numpy as np
import pytest
from keras import ops
from loss_contracts import (
    BASES,
    CLASS,
    DEGENERATE,
    METRIC,
    below,
    check_compiles_to_the_same_numbers,
    check_computes_in_float32,
    check_configuration,
    check_finite,
    check_gradient,
    check_is_traced_once,
    check_one_value_a_sample_and_weights,
    each,
    every_precision,
    half_precision,
    tensorflow_only,
    wrong_labels,
)
from oracles import value_and_gradient, with_constants_of
from scipy.linalg import block_diag

import tfdml
from tfdml.losses.labels import LabelLoss

# Their sources hold the weights of pairs constant in the gradient, which is then not that of the value.
CONSTANT_WEIGHTS = {tfdml.losses.CircleLoss, tfdml.losses.MarginLoss}
every_loss = each(METRIC)


def batch(n=24, dim=6, seed=0, scale=1.0):
    """Unit embeddings, classes of unequal size, one of them a single sample."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.r_[np.repeat([5, 2, 17], [n // 2, n // 4, n - 1 - n // 2 - n // 4]), 99])
    z = rng.normal(size=(n, dim))
    return labels, (scale * z / np.linalg.norm(z, axis=1, keepdims=True)).astype("float32")


def test_every_loss_is_public():
    ours = {c for c in below(keras.losses.Loss) if c.__module__.startswith("tfdml.losses")}
    assert ours - {LabelLoss} == {*METRIC, *CLASS} | BASES


@every_loss
def test_survives_its_configuration(make):
    revived = check_configuration(make(reduction="sum", name="other"), *batch())
    assert revived.reduction == "sum" and revived.name == "other"


@pytest.mark.backend
@every_loss
def test_gradient_equals_finite_differences(make, monkeypatch):
    """In float64 where the backend has it; each anchor with a weight of its own, so that none can hide."""
    labels, z = batch(n=12, dim=4)
    z = z.astype("float64" if keras.backend.backend() == "tensorflow" else "float32")
    loss, weights = make(), np.random.default_rng(1).uniform(size=len(z))

    def total(x):
        values = loss.query_losses(x, labels, x, labels, same_set=True)
        return ops.sum(values * ops.cast(weights, values.dtype))

    def held(function):
        tensor = ops.convert_to_tensor(z)
        return with_constants_of(tensor, function, monkeypatch) if make in CONSTANT_WEIGHTS else function

    check_gradient(total, z, held)


@pytest.mark.backend
@every_loss
def test_order_and_names_of_labels_do_not_matter(make):
    labels, z = batch()
    loss, order = make(), np.random.default_rng(1).permutation(len(z))
    value, gradient = value_and_gradient(lambda x: loss(labels, x), z)
    permuted, permuted_gradient = value_and_gradient(lambda x: loss(labels[order], x), z[order])
    assert permuted == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(permuted_gradient, gradient[order], atol=1e-5 * np.abs(gradient).max())
    renamed = {5: -3, 2: 2**24, 17: 2**24 + 1, 99: 0}
    assert float(loss(np.vectorize(renamed.get)(labels), z)) == value


def rotation_of(make, dim):
    """A random one, of those that leave what the loss reads."""

    def random(size):
        return np.linalg.qr(np.random.default_rng(1).normal(size=(size, size)))[0]

    if make is tfdml.losses.DivergenceLoss:  # compares the parts of two learners: the same one of both
        return block_diag(*[random(dim // 2)] * 2)
    if make is tfdml.losses.SignalToNoiseContrastiveLoss:  # reads the mean of coordinates: about that axis
        axes = np.linalg.qr(np.c_[np.ones(dim), random(dim)[:, 1:]])[0]
        return axes @ block_diag(1, random(dim - 1)) @ axes.T
    return random(dim)


@pytest.mark.backend
@every_loss
def test_rotation_does_not_matter(make):
    labels, z = batch()
    rotation = rotation_of(make, z.shape[1])
    assert float(make()(labels, (z @ rotation).astype("float32"))) == pytest.approx(
        float(make()(labels, z)), rel=1e-4
    )


@pytest.mark.backend
@every_loss
def test_labels_may_be_a_column_or_one_hot(make):
    labels, z = batch()
    value = float(make()(labels, z))
    classes = np.unique(labels, return_inverse=True)[1]
    for same in (labels[:, None], labels.astype("int32"), np.eye(4)[classes], np.eye(4, dtype=bool)[classes]):
        assert float(make()(same, z)) == value


@pytest.mark.backend
@every_loss
@every_precision
@pytest.mark.parametrize(
    "labels, z",
    [
        *DEGENERATE,
        pytest.param(
            np.arange(8) // 4, np.repeat(np.eye(4), 2, axis=0), id="positives and negatives coincide"
        ),
        pytest.param(np.arange(8) // 2, 1e4 * np.eye(8), id="huge"),
        pytest.param(np.arange(8) // 2, 1e4 + np.eye(8), id="far from the origin"),
        pytest.param(np.arange(8) // 2, 1e-3 * np.eye(8), id="tiny"),
    ],
)
def test_degenerate_batches_have_a_finite_loss_and_gradient(make, labels, z, dtype):
    check_finite(make(), labels, ops.cast(z, dtype))


@pytest.mark.backend
@every_loss
@half_precision
def test_computes_in_float32_whatever_the_embeddings(make, dtype):
    check_computes_in_float32(make(), *batch(n=64, dim=16), dtype)


@pytest.mark.backend
@every_loss
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_trains_under_a_mixed_policy(make, policy):
    keras.utils.set_random_seed(0)
    labels, z = batch(n=32, dim=16)
    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(8, dtype=policy)])
    model.compile(keras.optimizers.Adam(0.02), loss=make())
    history = model.fit(z, labels, batch_size=32, epochs=12, shuffle=False, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.backend
@every_loss
def test_fit_keeps_labels_apart_above_two_to_the_24(make):
    _, z = batch()
    few = np.arange(len(z)) % 2
    values = []
    for labels in (few, few + 2**24):
        identity = keras.layers.Dense(z.shape[1], use_bias=False, kernel_initializer="identity")
        model = keras.Sequential([keras.Input((z.shape[1],)), identity])
        model.compile("sgd", loss=make())
        values.append(model.evaluate(z, labels, batch_size=len(z), verbose=0))
        history = model.fit(z, labels, batch_size=len(z), shuffle=False, verbose=0).history
        assert history["loss"][0] == pytest.approx(values[0], rel=1e-6)
    assert values[0] == values[1]
    assert values[0] != pytest.approx(float(make()(np.zeros(len(z), int), z)), rel=1e-3)


@pytest.mark.backend
@every_loss
def test_one_value_an_anchor_and_weights(make):
    check_one_value_a_sample_and_weights(make, *batch())


@pytest.mark.backend
@every_loss
def test_keys_may_be_other_samples_in_any_order(make):
    labels, z = batch()
    queries, keys = slice(0, 6), slice(6, None)
    order = np.random.default_rng(1).permutation(len(z) - 6)
    args = z[queries], labels[queries]
    values = ops.convert_to_numpy(make().query_losses(*args, z[keys], labels[keys]))
    shuffled = ops.convert_to_numpy(make().query_losses(*args, z[keys][order], labels[keys][order]))
    assert values.shape == (6,) and values.max() > 0
    np.testing.assert_allclose(shuffled, values, rtol=1e-5)


@tensorflow_only
@every_loss
def test_compiles_to_the_same_numbers(make):
    check_compiles_to_the_same_numbers(make(), *batch())


@tensorflow_only
@every_loss
def test_is_traced_once_whatever_the_batch_holds(make):
    labels, z = batch()
    others = (np.zeros_like(labels), z), (np.arange(len(z)), z), (labels[:9], z[:9])
    check_is_traced_once(make(), [(labels, z), *others])


@every_loss
@wrong_labels
def test_other_labels_are_refused(make, labels):
    with pytest.raises(ValueError, match=r"Expected labels to be .*received: "):
        make()(labels, np.eye(4, dtype="float32"))


@every_loss
def test_other_embeddings_are_refused(make):
    with pytest.raises(
        ValueError, match=r"Expected embeddings to be of shape \(batch, dim\), received: \(4,\)"
    ):
        make()(np.arange(4), np.zeros(4, "float32"))


@every_loss
def test_an_unknown_average_is_refused(make):
    if len(make.averages) == 1:
        assert "average" not in make().get_config()
        return
    for average in make.averages:
        assert make(average=average).get_config()["average"] == average
    with pytest.raises(ValueError, match=r"Expected average to be one of '.*received: 'median'"):
        make(average="median")
