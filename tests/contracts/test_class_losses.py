"""What every public loss on similarities to classes keeps to, by default; a new class joins in."""

import keras
import numpy as np
import pytest
from keras import ops
from loss_contracts import (
    CLASS,
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
from oracles import value_and_gradient

import tfdml

every_loss = each(CLASS)
both_forms = pytest.mark.parametrize("per_class", [None, 3], ids=["one a class", "several a class"])


def batch(n=16, classes=6, per_class=None, seed=0, spread=0.9):
    """Cosines, classes of unequal size, one of them without a sample."""
    rng = np.random.default_rng(seed)
    shape = (n, classes) if per_class is None else (n, classes, per_class)
    labels = rng.permutation(np.r_[np.arange(classes - 1), rng.integers(0, classes - 1, n - classes + 1)])
    return labels, rng.uniform(-spread, spread, shape).astype("float32")


@every_loss
def test_survives_its_configuration(make):
    revived = check_configuration(make(reduction="sum", name="other", dtype="float64"), *batch())
    assert revived.reduction == "sum" and revived.name == "other" and revived.dtype == "float64"


@every_loss
def test_every_argument_is_in_the_configuration(make):
    default = make().get_config()
    for name, value in default.items():
        if not isinstance(value, bool) and isinstance(value, int | float):
            changed = value + 1 if isinstance(value, int) else 0.75 * value
            assert make(**{name: changed}).get_config() == {**default, name: changed}


@pytest.mark.backend
@every_loss
@both_forms
def test_gradient_equals_finite_differences(make, per_class):
    """In float64 where the backend has it; each sample with a weight of its own, so that none can hide."""
    labels, s = batch(n=8, classes=4, per_class=per_class)
    exact = keras.backend.backend() == "tensorflow"
    weights = np.random.default_rng(1).uniform(size=len(s))
    loss = make(reduction="none", dtype="float64" if exact else None)

    def total(x):
        values = loss(labels, x)
        return ops.sum(values * ops.cast(weights, values.dtype))

    check_gradient(total, s.astype("float64" if exact else "float32"), tolerance=2e-2)


@pytest.mark.backend
@every_loss
@both_forms
def test_order_of_samples_classes_and_centers_does_not_matter(make, per_class):
    labels, s = batch(per_class=per_class)
    rng, loss = np.random.default_rng(1), make()
    order, names = rng.permutation(len(s)), rng.permutation(s.shape[1])
    value, gradient = value_and_gradient(lambda x: loss(labels, x), s)
    permuted, permuted_gradient = value_and_gradient(lambda x: loss(labels[order], x), s[order])
    assert permuted == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(permuted_gradient, gradient[order], atol=1e-5 * np.abs(gradient).max())
    assert float(loss(np.argsort(names)[labels], s[:, names])) == pytest.approx(value, rel=1e-5)
    if per_class:
        assert float(loss(labels, s[:, :, ::-1].copy())) == pytest.approx(value, rel=1e-5)


@pytest.mark.backend
@every_loss
@both_forms
def test_a_class_far_from_every_sample_costs_nothing(make, per_class):
    """The class pads the head: cosine -1e4 stands for one that is masked. Means over classes count it."""
    labels, s = batch(per_class=per_class)
    loss = tfdml.losses.AdaCosLoss(10) if make is tfdml.losses.AdaCosLoss else make()
    padded = np.concatenate([s, np.full_like(s[:, :1], -1e4)], axis=1)
    value, more = float(loss(labels, s)), float(loss(labels, padded))
    if make is tfdml.losses.ProxyAnchorLoss:
        pull = float(
            loss(labels, np.where(np.eye(6, dtype=bool)[labels].reshape(16, 6, *[1] * (s.ndim - 2)), s, -1e4))
        )
        value = pull + (value - pull) * 6 / 7
    assert more == pytest.approx(value, rel=1e-5)


@pytest.mark.backend
@every_loss
def test_labels_may_be_a_column_or_one_hot(make):
    labels, s = batch()
    value = float(make()(labels, s))
    one_hot = np.eye(s.shape[1])[labels]
    for same in (
        labels[:, None],
        labels.tolist(),
        labels.astype("uint8"),
        labels.astype("int32")[:, None],
        one_hot,
        one_hot.astype(bool),
    ):
        assert float(make()(same, s)) == value


@pytest.mark.backend
@every_loss
def test_more_classes_than_the_type_of_the_labels_can_count(make):
    """A label of 8 bits among 300 classes: 5 is not 261 as well."""
    labels, s = np.arange(8), np.random.default_rng(0).uniform(-0.9, 0.9, (8, 300))
    assert float(make()(labels.astype("uint8"), s)) == float(make()(labels, s))


@pytest.mark.backend
@every_loss
@pytest.mark.parametrize("label", [-1, 6, 255, 2**24, 2**24 + 1, 2**32 + 1])
def test_labels_outside_the_classes_are_refused_where_they_have_values(make, label):
    if keras.backend.backend() == "jax" and label > 2**31:
        pytest.skip("JAX has integers of 32 bits")
    labels, s = batch()
    labels[3] = label
    for given in (labels, ops.convert_to_tensor(labels)):
        with pytest.raises(ValueError, match=rf"Expected labels to be from 0 to 5, .*received: {label}"):
            make()(given, s)


@tensorflow_only
@every_loss
@both_forms
@pytest.mark.parametrize("label", [-1, 6, 2**24 + 1, 2**32 + 1])
def test_in_a_compiled_step_such_a_sample_loses_nothing(make, label, per_class):
    import tensorflow as tf

    labels, s = batch(per_class=per_class)
    without = np.delete(s, 3, axis=0), np.delete(labels, 3)
    labels[3] = label
    loss = make(reduction="sum")

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int64), tf.TensorSpec((None, *s.shape[1:]))])
    def step(labels, s):
        with tf.GradientTape() as tape:
            tape.watch(s)
            value = loss(labels, s)
        return value, tape.gradient(value, s)

    value, gradient = step(labels, s)
    expected = float(loss(without[1], without[0]))
    # Proxy-Anchor's values are shares of a mean over the batch, which has one sample more.
    scale = len(s) / (len(s) - 1) if make is tfdml.losses.ProxyAnchorLoss else 1
    assert float(value) == pytest.approx(scale * expected, rel=1e-5)
    assert not gradient[3].numpy().any()
    value, gradient = step(np.full_like(labels, label), s)
    assert float(value) == 0 and not gradient.numpy().any()


@pytest.mark.backend
@every_loss
@every_precision
@pytest.mark.parametrize(
    "labels, s",
    [
        pytest.param(np.arange(6), np.ones((6, 6)), id="identical"),
        pytest.param(np.arange(6), np.zeros((6, 6)), id="zero"),
        pytest.param(np.arange(6), 1e4 * (2 * np.eye(6) - 1), id="huge"),
        pytest.param(np.arange(6), -1e4 * (2 * np.eye(6) - 1), id="huge and wrong"),
        pytest.param(np.arange(6), 2 * np.eye(6) - 1, id="perfect"),
        pytest.param(np.arange(6), 1 - 2 * np.eye(6), id="opposite"),
        pytest.param(np.zeros(1, int), np.full((1, 6), 0.5), id="one sample"),
        pytest.param(np.zeros(4, int), np.full((4, 6), 0.5), id="one class in the batch"),
        pytest.param(np.zeros(4, int), np.full((4, 1), 0.5), id="one class at all"),
        pytest.param(np.arange(4) % 2, np.eye(2)[np.arange(4) % 2], id="two classes"),
        pytest.param(np.arange(6), np.zeros((6, 6, 3)), id="centers coincide"),
        pytest.param(np.arange(6), 1e4 * np.ones((6, 6, 3)), id="huge centers"),
        pytest.param(np.arange(6), np.ones((6, 6, 1)), id="one center"),
    ],
)
def test_degenerate_batches_have_a_finite_loss_and_gradient(make, labels, s, dtype):
    check_finite(make(), labels, ops.cast(s, dtype))


@pytest.mark.backend
@every_loss
@both_forms
@half_precision
def test_computes_in_float32_whatever_the_similarities(make, dtype, per_class):
    check_computes_in_float32(make(), *batch(n=64, per_class=per_class), dtype)


@pytest.mark.backend
@every_loss
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_trains_proxies_and_network(make, policy):
    """Clusters that overlap until the network tells which directions matter: accuracy rises."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    labels = np.arange(96) % 6
    x = rng.normal(size=(6, 16))[labels] + 0.8 * rng.normal(size=(96, 16))
    head = tfdml.layers.Proxies(6, dtype=policy)
    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(8, dtype=policy), head])
    model.compile(keras.optimizers.Adam(0.02), loss=make(), metrics=["sparse_categorical_accuracy"])
    before = ops.convert_to_numpy(head.proxies)
    history = model.fit(x, labels, batch_size=32, epochs=12, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0]
    assert history["sparse_categorical_accuracy"][-1] > 0.9 > 0.6 > history["sparse_categorical_accuracy"][0]
    moved = np.abs(ops.convert_to_numpy(head.proxies) - before).max(axis=1)
    assert (moved > 0.01).all()


@pytest.mark.backend
@every_loss
def test_fit_reads_labels_as_integers(make):
    """Labels above 256 merge in bfloat16, where Keras casts them to the dtype of the loss."""
    rng = np.random.default_rng(0)
    labels, s = rng.integers(256, 600, 16), rng.uniform(-0.9, 0.9, (16, 600)).astype("float32")
    model = keras.Sequential([keras.Input((600,)), keras.layers.Identity()])
    model.compile(loss=make(dtype="bfloat16"))
    value = model.evaluate(s, labels, batch_size=16, verbose=0)
    assert value == pytest.approx(float(make()(labels, s)), rel=1e-2)
    assert value != pytest.approx(float(make()(labels - labels % 4, s)), rel=2e-2)


@pytest.mark.backend
@every_loss
def test_one_value_a_sample_and_weights(make):
    check_one_value_a_sample_and_weights(make, *batch())


@tensorflow_only
@every_loss
@both_forms
def test_compiles_to_the_same_numbers(make, per_class):
    check_compiles_to_the_same_numbers(make(), *batch(per_class=per_class))


@tensorflow_only
@every_loss
def test_is_traced_once_whatever_the_batch_holds(make):
    labels, s = batch()
    check_is_traced_once(make(), [(labels, s), (np.zeros_like(labels), s), (labels[:3], s[:3])])


@every_loss
@wrong_labels
def test_other_labels_are_refused(make, labels):
    with pytest.raises(ValueError, match=r"Expected labels to be .*received: "):
        make()(labels, np.eye(4, dtype="float32"))


@every_loss
@pytest.mark.parametrize("shape", [(4,), (4, 2, 2, 2)])
def test_other_similarities_are_refused(make, shape):
    with pytest.raises(ValueError, match=r"Expected similarities .*\(batch, classes\) or .*received: "):
        make()(np.arange(4), np.zeros(shape, "float32"))
