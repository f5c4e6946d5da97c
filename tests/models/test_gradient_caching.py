import keras
import numpy as np
import pytest
from keras import layers

from tfdml.losses import ContrastiveLoss, NTXentLoss
from tfdml.models import GradientCaching, embedding_model

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")


@keras.saving.register_keras_serializable(package="test")
class AddsALoss(layers.Layer):
    def call(self, x):
        self.add_loss(0.1 * keras.ops.mean(keras.ops.square(x)))
        return x


def network(dtype=None, seed=0):
    """Everything that may go wrong: dropout, noise, batch normalisation, regularisers, losses of layers."""
    keras.utils.set_random_seed(seed)
    x = keras.Input((6,))
    y = layers.Dense(8, kernel_regularizer="l2", activity_regularizer="l2", dtype=dtype)(x)
    y = layers.BatchNormalization(dtype=dtype)(y)
    y = AddsALoss(dtype=dtype)(layers.GaussianNoise(0.1, dtype=dtype)(y))
    y = layers.Dropout(0.4, dtype=dtype)(layers.Activation("gelu", dtype=dtype)(y))
    return keras.Model(x, layers.Dense(4, dtype=dtype)(y))


def data(n=20):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 6)).astype("float32"), rng.integers(0, 4, n) + 2**24


def test_losses_of_layers_are_counted_once_in_step_after_step():
    (x, y), image = data(), keras.Input((6,))
    model = GradientCaching(keras.Model(image, AddsALoss()(AddsALoss()(AddsALoss()(image)))), 5)
    model.compile("sgd", loss=NTXentLoss(), run_eagerly=True)
    expected = float(NTXentLoss()(y, x)) + 0.3 * np.mean(np.square(x))
    for _ in range(20):
        assert model.evaluate(x, y, batch_size=20, verbose=0) == pytest.approx(expected, rel=1e-5)


def values(model):
    return [keras.ops.convert_to_numpy(v) for v in model.variables]


def plain_step(model, x, y, loss, micro_batch, weights=None):
    """The loss and the gradients of one graph over all micro-batches, each seen once."""
    with tf.GradientTape() as tape:
        embedded, added = [], 0.0
        for start in range(0, len(x), micro_batch):
            part = x[start : start + micro_batch]
            embedded.append(model(part, training=True))
            added += len(part) / len(x) * sum(model.losses)
        value = loss(y, tf.concat(embedded, axis=0), weights) + added
    return float(value), tape.gradient(value, model.trainable_variables)


@pytest.mark.parametrize("micro_batch", [5, 8, 20, 64])
@pytest.mark.parametrize("eagerly", [False, True])
def test_equals_one_graph_over_all_with_dropout_on(micro_batch, eagerly):
    """Loss, every gradient, and what a step leaves behind: seeds, moving averages."""
    (x, y), loss = data(), NTXentLoss(0.5)
    plain, wrapped = network(), network()
    weights = np.linspace(0, 2, len(x)).astype("float32")
    expected, gradients = plain_step(plain, x, y, loss, micro_batch, weights)
    before = [keras.ops.convert_to_numpy(v) for v in wrapped.trainable_variables]
    model = GradientCaching(wrapped, micro_batch)
    model.compile(keras.optimizers.SGD(1.0), loss=loss, run_eagerly=eagerly)
    history = model.fit(x, y, sample_weight=weights, batch_size=20, shuffle=False, verbose=0).history["loss"]
    assert history == [pytest.approx(expected, rel=1e-5)]
    for v, start, gradient in zip(wrapped.trainable_variables, before, gradients, strict=True):
        np.testing.assert_allclose(start - v.numpy(), gradient, atol=2e-6, err_msg=v.path)
    for v, other in zip(wrapped.non_trainable_variables, plain.non_trainable_variables, strict=True):
        np.testing.assert_allclose(v.numpy(), other.numpy(), rtol=1e-6, err_msg=v.path)


def test_equals_plain_fit_where_a_micro_batch_holds_the_batch():
    x, y = data(40)
    histories, models = [], [network(), network()]
    for model in (models[0], GradientCaching(models[1], 16)):
        model.compile(keras.optimizers.Adam(0.01), loss=ContrastiveLoss())
        histories.append(model.fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-5)
    for a, b in zip(*map(values, models), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_evaluates_predicts_and_counts_metrics_as_the_network():
    (x, y), inner = data(), network()
    model = GradientCaching(inner, 6)
    inner.compile("sgd", loss=NTXentLoss())
    model.compile("sgd", loss=NTXentLoss(), metrics=[mean_norm])
    model.fit(x, y, batch_size=20, verbose=0)
    logs = model.evaluate(x, y, batch_size=20, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(inner.evaluate(x, y, batch_size=20, verbose=0), rel=1e-5)
    z = inner.predict(x, verbose=0)
    np.testing.assert_array_equal(model.predict(x, verbose=0), z)
    assert logs["mean_norm"] == pytest.approx(np.linalg.norm(z, axis=1).mean(), rel=1e-5)


def mean_norm(_, z):
    return keras.ops.norm(z, axis=1)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_trains_under_a_mixed_policy(policy):
    (x, y), inner = data(), network(policy)
    model = GradientCaching(inner, 7)
    optimizer = keras.optimizers.Adam(0.01)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=2.0**8)
    model.compile(optimizer, loss=NTXentLoss())
    history = model.fit(x, y, batch_size=20, epochs=40, verbose=0).history["loss"]
    assert np.mean(history[-5:]) < np.mean(history[:5])


def test_scaled_losses_give_the_same_gradients():
    (x, y), steps = data(), []
    for optimizer in (
        keras.optimizers.SGD(1.0),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0), initial_scale=2.0**10),
    ):
        inner = network()
        model = GradientCaching(inner, 7)
        model.compile(optimizer, loss=NTXentLoss())
        steps.append(
            (model.fit(x, y, batch_size=20, shuffle=False, verbose=0).history["loss"], values(inner))
        )
    assert steps[0][0] == pytest.approx(steps[1][0])
    for a, b in zip(steps[0][1], steps[1][1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_only_a_micro_batch_is_held():
    """No tensor of the step is as large as a layer's output for the batch, whose size is known here."""
    x = keras.Input((6,))
    inner = keras.Model(x, layers.Dense(4)(layers.Dense(100, activation="relu")(x)))
    model = GradientCaching(inner, 16)
    model.compile("sgd", loss=NTXentLoss(tile=16))
    rows = tf.TensorSpec((512, 6)), tf.TensorSpec((512,), tf.int64)
    graph = tf.function(lambda x, y: model.train_step((x, y))).get_concrete_function(*rows).graph
    graphs = [graph, *(f.graph for f in graph._functions.values() if hasattr(f, "graph"))]
    sizes = [t.shape.num_elements() or 0 for g in graphs for op in g.get_operations() for t in op.outputs]
    assert max(sizes) < 512 * 100
    widths = {
        tuple(t.shape)[1:] for g in graphs for op in g.get_operations() for t in op.outputs if t.shape.rank
    }
    assert (100,) in widths, "the graph of a micro-batch was not looked into"


def test_inputs_may_be_a_dictionary_and_datasets_are_read():
    x, y = data()
    image, index = (
        keras.Input((6,), name="image"),
        keras.Input((), dtype="int64", name="index", optional=True),
    )
    inner = keras.Model({"image": image, "index": index}, layers.Dense(4)(image))
    model = GradientCaching(inner, 8)
    model.compile("adam", loss=NTXentLoss())
    batches = tf.data.Dataset.from_tensor_slices(({"image": x, "index": np.arange(20)}, y)).batch(20)
    assert np.isfinite(model.fit(batches, epochs=2, verbose=0).history["loss"]).all()


def test_frozen_batch_normalisation_stays_as_it_is():
    x, y = data()
    inner = network()
    frozen = next(layer for layer in inner.layers if isinstance(layer, layers.BatchNormalization))
    frozen.trainable = False
    before = frozen.get_weights()
    model = GradientCaching(inner, 8)
    model.compile("sgd", loss=NTXentLoss())
    model.fit(x, y, batch_size=20, verbose=0)
    for a, b in zip(frozen.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_network_without_a_training_argument():
    @keras.saving.register_keras_serializable(package="test")
    class Plain(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(4)

        def call(self, x):
            return self.dense(x)

    inner = Plain()
    inner(np.zeros((1, 6), "float32"))
    model = GradientCaching(inner, 8)
    model.compile("sgd", loss=NTXentLoss())
    assert np.isfinite(model.fit(*data(), batch_size=20, verbose=0).history["loss"]).all()


def test_saves_loads_goes_on_and_exports(tmp_path):
    (x, y), image = data(), keras.Input((6,))
    inner = keras.Model(image, layers.Dense(4)(layers.BatchNormalization()(layers.Dense(8)(image))))
    model = GradientCaching(inner, 8)  # without dropout: files of Keras do not hold seeds
    model.compile(keras.optimizers.Adam(0.01), loss=NTXentLoss())
    model.fit(x, y, batch_size=20, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.micro_batch == 8
    z = model.predict(x, verbose=0)
    np.testing.assert_array_equal(again.predict(x, verbose=0), z)
    two = [
        m.fit(x, y, batch_size=20, shuffle=False, epochs=2, verbose=0).history["loss"] for m in (model, again)
    ]
    assert two[0] == two[1]
    again.export(tmp_path / "exported", verbose=False)
    served = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(served.serve(x), again.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"model": "small_cnn"}, "Expected model to be a Keras model that is built, received: 'small_cnn'"),
        ({"micro_batch": 0}, "Expected micro_batch to be an integer of at least 1, received: 0"),
    ],
)
def test_other_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError) as error:
        GradientCaching(**{"model": network(), "micro_batch": 4, **arguments})
    assert str(error.value) == message


def test_a_network_that_ends_in_a_map_is_refused():
    x = keras.Input((6, 2))
    model = GradientCaching(keras.Model(x, layers.Dense(3)(x)), 4)
    model.compile("sgd", loss=NTXentLoss())
    with pytest.raises(ValueError, match=r"Expected model to give one tensor \(batch, dim\), received: "):
        model.fit(np.zeros((8, 6, 2), "float32"), np.arange(8), verbose=0)


def test_other_backends_are_told_so(monkeypatch):
    inner = network()
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="Expected the backend of Keras to be 'tensorflow', received: 'jax'"):
        GradientCaching(inner, 4)


def test_embeds_images_of_the_package():
    model = GradientCaching(embedding_model("small_cnn", dim=8, image_size=16), 8)
    model.compile("adam", loss=NTXentLoss(tile=8))
    images, labels = np.random.default_rng(0).uniform(0, 255, (20, 16, 16, 3)), np.arange(20) % 5
    assert np.isfinite(model.fit(images, labels, batch_size=20, verbose=0).history["loss"]).all()
