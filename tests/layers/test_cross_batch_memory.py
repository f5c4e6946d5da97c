from collections import deque

import keras
import numpy as np
import pytest
from keras import ops
from oracles import value_and_gradient

import tfdml
from tfdml.layers import CrossBatchMemory
from tfdml.losses import ContrastiveLoss, NPairLoss, NTXentLoss

PUBLIC = [thing for name in tfdml.losses.__all__ if isinstance(thing := getattr(tfdml.losses, name), type)]
LOSSES = [c for c in PUBLIC if issubclass(c, tfdml.losses.MetricLoss) and c is not tfdml.losses.MetricLoss]
as_numpy = ops.convert_to_numpy
tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")


def batches(sizes, dim=4, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    for n in sizes:
        yield rng.normal(size=(n, dim)).astype("float32"), rng.integers(0, classes, n) - 1 + 2**24


def step(layer, z, labels, training=True):
    """The loss that a call adds, and its gradient at the embeddings."""
    if not layer.built:
        layer.build(z.shape)

    def call(x):
        layer(x, labels=labels, training=training)
        return layer.losses[0]

    return value_and_gradient(call, z)


def contrastive_loop(z, labels, memory):
    """The mean of each anchor's terms over the batch and the memory, one pair at a time."""
    keys = [*zip(z, labels, strict=True), *memory]
    values = []
    for i in range(len(z)):
        terms = []
        for j, (key, label) in enumerate(keys):
            if j != i:
                d = np.linalg.norm(z[i].astype("float64") - key)
                terms.append(max(0.0, d - 0.25) if label == labels[i] else max(0.0, 3.0 - d))
        values.append(np.mean(terms))
    return np.mean(values)


@pytest.mark.backend
@pytest.mark.parametrize("sizes", [(4,) * 6, (3, 2, 5, 1, 6), (2, 9, 4, 23, 3)], ids=str)
def test_equals_a_slow_simulation(sizes):
    """Batches of any size, the ring once and more around, and batches of more than the memory holds."""
    layer, memory = (
        CrossBatchMemory(ContrastiveLoss(0.25, 3.0, average="anchors"), capacity=7),
        deque(maxlen=7),
    )
    for z, labels in batches(sizes):
        value, _ = step(layer, z, labels)
        assert value == pytest.approx(contrastive_loop(z, labels, memory), rel=1e-5)
        memory.extend(zip(z, labels, strict=True))
        held = sorted(zip(as_numpy(layer.labels), as_numpy(layer.embeddings)[:, 0].tolist(), strict=True))
        if len(memory) == 7:
            assert held == sorted((label, row[0].item()) for row, label in memory)
        assert int(layer.fill) == len(memory)


@pytest.mark.backend
@pytest.mark.parametrize("make", LOSSES, ids=lambda c: c.__name__)
def test_slots_that_are_not_in_use_count_for_no_loss(make):
    """Value and gradient are those of a memory of just the size that is in use, which has no gradient."""
    (old, old_labels), (z, labels) = batches((5, 6))
    layer = CrossBatchMemory(make(), capacity=40)
    step(layer, old, old_labels)
    got = step(layer, z, labels)

    def expected(x):
        keys = ops.concatenate([x, ops.convert_to_tensor(old)])
        values = make().query_losses(
            x, ops.convert_to_tensor(labels), keys, np.r_[labels, old_labels], ops.zeros((), "int32")
        )
        return make().reduced(values)

    value, gradient = value_and_gradient(expected, z)
    assert got[0] == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(got[1], gradient, atol=1e-5 * np.abs(gradient).max())


@pytest.mark.backend
def test_memory_alone_is_the_loss_against_earlier_batches():
    (old, old_labels), (z, labels) = batches((5, 6))
    layer = CrossBatchMemory(NTXentLoss(), capacity=40, in_batch=False, weight=0.5)
    assert step(layer, old, old_labels)[0] == 0
    value = float(NTXentLoss().reduced(NTXentLoss().query_losses(z, labels, old, old_labels)))
    assert step(layer, z, labels)[0] == pytest.approx(0.5 * value, rel=1e-5)


@pytest.mark.backend
def test_the_penalty_on_norms_is_that_of_slots_in_use():
    (old, old_labels), (z, labels) = batches((5, 6))
    layer = CrossBatchMemory(NPairLoss(l2=1.0), capacity=400)
    step(layer, old, old_labels)
    plain = CrossBatchMemory(NPairLoss(l2=0.0), capacity=400)
    step(plain, old, old_labels)
    keys = np.concatenate([z, old])
    penalty = ((z**2).sum(axis=1).mean() + (keys**2).sum(axis=1).mean()) / 4
    assert step(layer, z, labels)[0] - step(plain, z, labels)[0] == pytest.approx(penalty, rel=1e-5)


@pytest.mark.backend
def test_during_the_warm_up_the_memory_is_filled_but_not_used():
    layer = CrossBatchMemory(ContrastiveLoss(), capacity=16, start=2)
    values = []
    for z, labels in batches((4, 4, 4)):
        values.append((step(layer, z, labels)[0], float(ContrastiveLoss()(labels, z))))
    assert values[0][0] == pytest.approx(values[0][1]) and values[1][0] == pytest.approx(values[1][1])
    assert values[2][0] != pytest.approx(values[2][1], rel=1e-3)
    assert int(layer.fill) == 12


@pytest.mark.backend
def test_evaluation_reads_the_batch_alone_and_leaves_the_memory():
    (old, old_labels), (z, labels) = batches((5, 6))
    layer = CrossBatchMemory(ContrastiveLoss(), capacity=8, in_batch=False)
    step(layer, old, old_labels)
    before = [as_numpy(v) for v in layer.variables]
    assert step(layer, z, labels, training=False)[0] == pytest.approx(float(ContrastiveLoss()(labels, z)))
    np.testing.assert_array_equal(layer(z, training=True), z)
    assert layer.losses == []
    for v, value in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(as_numpy(v), value)


@pytest.mark.backend
def test_a_reset_memory_is_as_new():
    (z, labels), (y, more) = batches((5, 6))
    layer = CrossBatchMemory(ContrastiveLoss(), capacity=8)
    first = step(layer, y, more)[0]
    step(layer, z, labels)
    layer.reset()
    assert step(layer, y, more)[0] == first


def model(loss=None, dtype=None, optional=False, **kwargs):
    keras.utils.set_random_seed(0)
    image = keras.Input((6,), name="image")
    label = keras.Input((), dtype="int64", name="label", optional=optional)
    embedding = keras.layers.Dense(4, dtype=dtype)(image)
    memory = CrossBatchMemory(loss or NTXentLoss(0.5), capacity=20, dtype=dtype, name="memory", **kwargs)
    whole = keras.Model({"image": image, "label": label}, memory(embedding, labels=label))
    whole.compile(keras.optimizers.Adam(0.01))
    return whole, keras.Model(image, embedding)


def data(n=24):
    rng = np.random.default_rng(1)
    return {"image": rng.normal(size=(n, 6)).astype("float32"), "label": rng.integers(0, 4, n) + 2**40}


def fit(whole, x, epochs=1):
    return whole.fit(x, batch_size=8, shuffle=False, epochs=epochs, verbose=0).history["loss"]


@tensorflow_only
@pytest.mark.parametrize("file", ["model.keras", "model.weights.h5"])
def test_a_resumed_training_is_the_one_that_was_not_stopped(tmp_path, file):
    x = data()
    through, _ = model()
    expected = [*fit(through, x), *fit(through, {k: v[::-1] for k, v in x.items()})]
    first, _ = model()
    values = fit(first, x)
    if file.endswith(".keras"):
        first.save(tmp_path / file)
        second = keras.models.load_model(tmp_path / file)
    else:
        first.save_weights(tmp_path / file)
        second, _ = model()
        second.optimizer.build(second.trainable_variables)
        second.load_weights(tmp_path / file)
    values += fit(second, {k: v[::-1] for k, v in x.items()})
    assert values == expected
    for v, value in zip(second.variables, through.variables, strict=True):
        np.testing.assert_array_equal(as_numpy(v), as_numpy(value))
    memory = second.get_layer("memory")
    assert (int(memory.pointer), int(memory.fill)) == (48 % 20, 20)


@pytest.mark.backend
def test_trains_and_embeds_without_labels():
    x = data()
    whole, embed = model()
    values = fit(whole, x, epochs=15)
    assert values[-1] < values[2]  # the memory is full
    z = embed.predict(x["image"], verbose=0)
    assert whole.evaluate(x, batch_size=24, verbose=0) == pytest.approx(
        float(NTXentLoss(0.5)(x["label"], z)), rel=1e-4
    )


@tensorflow_only
def test_the_label_may_be_left_out_of_an_optional_input(tmp_path):
    x = data()
    whole, embed = model(optional=True)
    fit(whole, x)
    z = whole.predict({"image": x["image"], "label": None}, verbose=0)
    np.testing.assert_array_equal(z, embed.predict(x["image"], verbose=0))


@pytest.mark.backend
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_rounds_no_embedding_twice(policy):
    x = data()
    whole, _ = model(dtype=policy)
    assert np.isfinite(fit(whole, x, epochs=3)).all()
    layer = CrossBatchMemory(ContrastiveLoss(), capacity=8, dtype=policy)
    z, labels = next(batches((5,)))
    step(layer, z, labels)
    np.testing.assert_array_equal(as_numpy(layer.embeddings)[:5], z)


@tensorflow_only
def test_is_traced_once_and_compiles():
    import tensorflow as tf

    traces, layer, plain = [], *(CrossBatchMemory(NTXentLoss(), capacity=10) for _ in range(2))
    layer.build((None, 4))

    def call(z, labels):
        traces.append(1)
        layer(z, labels=labels, training=True)
        return layer.losses[0]

    signature = [tf.TensorSpec((None, 4)), tf.TensorSpec((None,), tf.int64)]
    once = tf.function(call, input_signature=signature)
    for z, labels in batches((4, 7, 3, 12)):
        assert float(once(z, labels)) == pytest.approx(step(plain, z, labels)[0], rel=1e-5)
    assert len(traces) == 1
    z, labels = next(batches((6,), seed=1))
    compiled = tf.function(call, jit_compile=True)(tf.constant(z), tf.constant(labels))
    assert float(compiled) == pytest.approx(step(plain, z, labels)[0], rel=1e-5)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"loss": "contrastive"},
            "Expected loss to be a MetricLoss of tfdml.losses, received: 'contrastive'",
        ),
        ({"capacity": 0}, "Expected capacity to be an integer of at least 1, received: 0"),
        ({"start": -1}, "Expected start to be an integer of at least 0, received: -1"),
        ({"weight": -1}, "Expected weight to be a number of at least 0, received: -1"),
    ],
)
def test_other_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError) as error:
        CrossBatchMemory(**{"loss": ContrastiveLoss(), **arguments})
    assert str(error.value) == message


def test_embeddings_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"Expected embeddings to be of shape \(batch, dim\), received: "):
        CrossBatchMemory(ContrastiveLoss())(np.zeros((2, 3, 4), "float32"), labels=np.zeros(2, int))
