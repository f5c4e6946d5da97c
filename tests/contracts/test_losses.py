"""What every public loss on embeddings keeps to, with its default arguments; a new class joins in.

Losses on similarities to classes have their own contract, in test_class_losses.py.
"""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops
from oracles import finite_differences, value_and_gradient, with_constants_of
from scipy.linalg import block_diag

import tfdml
from tfdml.losses.labels import LabelLoss

BASES = {tfdml.losses.MetricLoss, tfdml.losses.ClassLoss}
PUBLIC = [
    thing
    for name in tfdml.losses.__all__
    if isinstance(thing := getattr(tfdml.losses, name), type) and issubclass(thing, keras.losses.Loss)
]
CLASSES = [c for c in PUBLIC if issubclass(c, tfdml.losses.MetricLoss) and c not in BASES]
# Their sources hold the weights of pairs constant in the gradient, which is then not that of the value.
CONSTANT_WEIGHTS = {tfdml.losses.CircleLoss, tfdml.losses.MarginLoss}
every_loss = pytest.mark.parametrize("make", CLASSES, ids=lambda c: c.__name__)
tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")


def batch(n=24, dim=6, seed=0, scale=1.0):
    """Unit embeddings, classes of unequal size, one of them a single sample."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.r_[np.repeat([5, 2, 17], [n // 2, n // 4, n - 1 - n // 2 - n // 4]), 99])
    z = rng.normal(size=(n, dim))
    return labels, (scale * z / np.linalg.norm(z, axis=1, keepdims=True)).astype("float32")


def test_every_loss_is_public():
    def below(cls):
        return {cls, *(c for sub in cls.__subclasses__() for c in below(sub))}

    ours = {c for c in below(keras.losses.Loss) if c.__module__.startswith("tfdml.losses")}
    assert ours - {LabelLoss} == set(PUBLIC)
    assert all(c in CLASSES or issubclass(c, tfdml.losses.ClassLoss) for c in set(PUBLIC) - BASES)


@every_loss
def test_survives_its_configuration(make):
    loss = make(reduction="sum", name="other")
    config = json.dumps(keras.losses.serialize(loss))
    revived = keras.losses.deserialize(json.loads(config))
    assert json.dumps(keras.losses.serialize(revived)) == config
    assert dir(revived) == dir(loss)
    assert revived.reduction == "sum" and revived.name == "other"
    labels, z = batch()
    assert float(revived(labels, z)) == float(loss(labels, z))


@tensorflow_only
def test_a_fresh_process_loads_the_models_compiled_with_them(tmp_path):
    labels, z = batch()
    for make in CLASSES:
        model = keras.Sequential([keras.Input((z.shape[1],)), keras.layers.Dense(3)])
        model.compile("sgd", loss=make())
        model.save(tmp_path / f"{make.__name__}.keras")
    np.savez(tmp_path / "batch.npz", labels=labels, z=z)
    script = (
        "import json, pathlib, keras, numpy as np, tfdml; b = np.load('batch.npz');"
        "value = lambda p: float(keras.models.load_model(p).loss(b['labels'], b['z']));"
        "print(json.dumps({p.stem: value(p) for p in pathlib.Path().glob('*.keras')}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    expected = {make.__name__: float(make()(labels, z)) for make in CLASSES}
    assert json.loads(run.stdout.splitlines()[-1]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.backend
@every_loss
def test_gradient_equals_finite_differences(make, monkeypatch):
    """In float64 where the backend has it; each anchor with a weight of its own, so that none can hide."""
    labels, z = batch(n=12, dim=4)
    exact = keras.backend.backend() == "tensorflow"
    z, weights = z.astype("float64" if exact else "float32"), np.random.default_rng(1).uniform(size=len(z))
    loss = make()

    def total(x):
        values = loss.query_losses(x, labels, x, labels, same_set=True)
        return ops.sum(values * ops.cast(weights, values.dtype))

    _, gradient = value_and_gradient(total, z)
    tensor = ops.convert_to_tensor
    if make in CONSTANT_WEIGHTS:
        total = with_constants_of(tensor(z), total, monkeypatch)
    numeric = finite_differences(
        lambda x: float(total(tensor(x.astype(z.dtype)))), z, step=1e-6 if exact else 1e-3
    )
    scale = np.abs(numeric).max()
    assert scale > 1e-2
    np.testing.assert_allclose(gradient, numeric, atol=(1e-6 if exact else 1e-2) * scale)


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
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize(
    "labels, z",
    [
        pytest.param(np.zeros(8, int), np.eye(8), id="one class"),
        pytest.param(np.arange(8), np.eye(8), id="all distinct"),
        pytest.param(np.zeros(1, int), np.ones((1, 4)), id="one sample"),
        pytest.param(np.arange(8) // 2, np.ones((8, 4)), id="identical"),
        pytest.param(
            np.arange(8) // 4, np.repeat(np.eye(4), 2, axis=0), id="positives and negatives coincide"
        ),
        pytest.param(np.arange(8) // 2, np.zeros((8, 4)), id="zero"),
        pytest.param(np.arange(8) // 2, 1e4 * np.eye(8), id="huge"),
        pytest.param(np.arange(8) // 2, 1e4 + np.eye(8), id="far from the origin"),
        pytest.param(np.arange(8) // 2, 1e-3 * np.eye(8), id="tiny"),
    ],
)
def test_degenerate_batches_have_a_finite_loss_and_gradient(make, labels, z, dtype):
    z = ops.cast(z, dtype)
    value, gradient = value_and_gradient(lambda x: make()(labels, x), z)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.backend
@every_loss
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_computes_in_float32_whatever_the_embeddings(make, dtype):
    labels, z = batch(n=64, dim=16)
    rounded = ops.cast(z, dtype)
    value, gradient = value_and_gradient(lambda x: make()(labels, x), rounded)
    exact, exact_gradient = value_and_gradient(lambda x: make()(labels, x), ops.cast(rounded, "float32"))
    assert value == pytest.approx(exact, rel=1e-6)
    np.testing.assert_allclose(gradient, exact_gradient, atol=1e-2 * np.abs(exact_gradient).max())


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
    labels, z = batch()
    each = ops.convert_to_numpy(make(reduction="none")(labels, z))
    assert each.shape == (len(z),)
    assert float(make()(labels, z)) == pytest.approx(each.mean(), rel=1e-5)
    weights = np.linspace(0, 2, len(z)).astype("float32")
    assert float(make()(labels, z, sample_weight=weights)) == pytest.approx((weights * each).mean(), rel=1e-5)


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
    import tensorflow as tf

    labels, z = batch()
    loss = make()
    plain = value_and_gradient(lambda x: loss(labels, x), z)
    compiled = value_and_gradient(tf.function(lambda x: loss(labels, x), jit_compile=True), z)
    assert compiled[0] == pytest.approx(plain[0], rel=1e-5)
    np.testing.assert_allclose(compiled[1], plain[1], atol=1e-5 * np.abs(plain[1]).max())


@tensorflow_only
@every_loss
def test_is_traced_once_whatever_the_batch_holds(make):
    import tensorflow as tf

    traces = []

    @tf.function(
        input_signature=[tf.TensorSpec((None,), tf.int64), tf.TensorSpec((None, 6)), tf.TensorSpec((None,))]
    )
    def step(labels, z, weights):
        traces.append(1)
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = loss(labels, z, sample_weight=weights)
        return value, tape.gradient(value, z)

    loss = make()
    labels, z = batch()
    for y, x in ((labels, z), (np.zeros_like(labels), z), (np.arange(24), z), (labels[:9], z[:9])):
        value, gradient = step(y, x, np.ones(len(y), "float32"))
        assert float(value) == pytest.approx(float(loss(y, x)), rel=1e-5)
        assert gradient.shape == x.shape
    assert len(traces) == 1


@every_loss
@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(np.zeros(4, "float32"), id="float"),
        pytest.param(np.zeros((4, 1)), id="float column"),
        pytest.param(np.zeros(4, bool), id="bool"),
        pytest.param(np.zeros((4, 2, 2), int), id="three axes"),
        pytest.param(np.int64(3), id="one number"),
        pytest.param(np.zeros(5, int), id="too many"),
        pytest.param(np.array([[3, 7], [3, 8], [4, 1], [4, 2]]), id="rows that are not one-hot"),
        pytest.param(np.full((4, 3), 0.4), id="soft rows"),
    ],
)
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
