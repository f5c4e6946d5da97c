import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from tfdml import losses
from tfdml.layers import Proxies, SampledProxies
from tfdml.layers.sampled_proxies import _positions

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
CLASSES = 40


def numbers(x):
    return ops.convert_to_numpy(x)


def built(samples=12, loss=None, dim=8, **more):
    layer = SampledProxies(CLASSES, samples, loss or losses.NormalizedSoftmaxLoss(), **more)
    layer.build((None, dim))
    return layer


def batch(n=10, dim=8):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, dim)).astype("float32"), rng.integers(0, CLASSES, n)


@pytest.mark.backend
@pytest.mark.parametrize("samples", [10, 12, CLASSES])
def test_draws_different_classes_those_of_the_batch_among_them(samples):
    layer, (_, labels) = built(samples), batch()
    drawn = [numbers(layer._draw(ops.convert_to_tensor(labels, dtype="int32"))) for _ in range(20)]
    for classes in drawn:
        assert len(set(classes)) == len(classes) == samples
        assert set(labels) <= set(classes)
    others = set(np.concatenate(drawn)) - set(labels)
    assert len(others) > (samples - len(set(labels))) or samples == CLASSES  # others each time
    assert others <= set(range(CLASSES))


@pytest.mark.backend
def test_every_other_class_is_as_likely():
    layer, labels = built(12, seed=0), ops.convert_to_tensor([1, 2], dtype="int32")
    counts = sum(np.bincount(numbers(layer._draw(labels)), minlength=CLASSES) for _ in range(600))
    assert counts[1] == counts[2] == 600
    others = np.delete(counts, [1, 2]) / 600
    np.testing.assert_allclose(others, 10 / 38, atol=5 * np.sqrt(10 / 38 * 28 / 38 / 600))


@pytest.mark.backend
def test_positions_of_labels_among_the_drawn():
    found = _positions(ops.convert_to_tensor([7, 3, -1, 9], dtype="int32"), np.array([3, 9, 7]))
    assert numbers(found).tolist() == [2, 0, -1, 1]


@pytest.mark.backend
@pytest.mark.parametrize("per_class", [1, 2])
@pytest.mark.parametrize("make", [losses.ArcFaceLoss, losses.ProxyAnchorLoss, losses.SoftTripleLoss])
def test_with_every_class_drawn_it_is_the_whole_loss(make, per_class):
    (z, labels), layer = batch(), built(CLASSES, make(), per_class=per_class)
    plain = Proxies(CLASSES, per_class=per_class)
    plain.build((None, 8))
    plain.set_proxies(layer.proxies)
    expected = float(make()(labels, numbers(plain(z))))
    for training in (True, False):
        s = layer(z, labels=labels, training=training)
        assert tuple(s.shape[:2]) == (10, CLASSES)
        assert float(numbers(layer.losses[0])) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(numbers(layer(z)), numbers(plain(z)), atol=1e-6)


@pytest.mark.backend
def test_the_loss_is_that_of_the_drawn_classes(monkeypatch):
    (z, labels), layer = batch(), built(12, losses.CosFaceLoss(scale=10))
    drawn = np.r_[np.unique(labels), np.setdiff1d(np.arange(CLASSES), labels)][:12]
    monkeypatch.setattr(layer, "_draw", lambda _: ops.convert_to_tensor(drawn, dtype="int32"))
    s = layer(z, labels=labels, training=True)
    expected = float(losses.CosFaceLoss(scale=10)([drawn.tolist().index(y) for y in labels], numbers(s)))
    assert float(numbers(layer.losses[0])) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(numbers(s), numbers(layer(z))[:, drawn], atol=1e-6)


@tensorflow_only
def test_only_drawn_rows_have_a_gradient_and_no_matrix_of_all_classes_is_formed():
    import tensorflow as tf

    (z, labels), layer = batch(), built(12, learning_rate_multiplier=5)
    with tf.GradientTape() as tape:
        layer(z, labels=labels, training=True)
        (loss,) = layer.losses
    gradient = tape.gradient(loss, layer.stored.value)
    assert isinstance(gradient, tf.IndexedSlices) and gradient.values.shape == (12, 8)

    step = tf.function(lambda z, labels: layer(z, labels=labels, training=True))
    graph = step.get_concrete_function(tf.TensorSpec((10, 8)), tf.TensorSpec((10,), tf.int64)).graph
    shapes = [tuple(t.shape) for op in graph.get_operations() for t in op.outputs if t.shape.rank]
    assert (10, 12) in shapes and (10, CLASSES) not in shapes


@pytest.mark.backend
def test_samples_whose_class_finds_no_place_lose_nothing():
    """Fewer places than classes in the batch."""
    layer, z = built(3), np.random.default_rng(0).normal(size=(10, 8)).astype("float32")
    layer(z, labels=np.arange(10), training=True)
    (few,) = layer.losses
    similarity = layer(z)
    every = numbers(losses.NormalizedSoftmaxLoss(reduction="none")(np.arange(10), similarity))
    # Three samples of ten lose something, and no more than among all classes.
    assert 0 < float(numbers(few)) <= np.sort(every)[-3:].sum() / 10


@pytest.mark.backend
def test_labels_outside_the_classes_are_refused():
    for training in (True, False):
        with pytest.raises(ValueError, match=r"Expected labels to be from 0 to 39, .*received: 40"):
            built()(np.ones((2, 8)), labels=np.array([0, 40]), training=training)


@tensorflow_only
def test_labels_outside_the_classes_do_no_harm_in_a_compiled_step():
    import tensorflow as tf

    layer, (z, labels) = built(), batch()

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int64)])
    def step(labels):
        layer(z, labels=labels, training=True)
        return layer.losses[-1]

    labels[:3] = -1, CLASSES, 2**32 + 1
    assert np.isfinite(float(step(labels))) and float(step(np.full(10, CLASSES))) == 0


@pytest.mark.backend
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_trains_with_plain_fit_and_serves_without_labels(policy):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    labels = np.arange(160) % CLASSES
    x = (rng.normal(size=(CLASSES, 16))[labels] + 0.3 * rng.normal(size=(160, 16))).astype("float32")
    image, label = keras.Input((16,), name="image"), keras.Input((), dtype="int32", name="label")
    embedding = keras.layers.Dense(8, dtype=policy)(image)
    head = SampledProxies(CLASSES, 24, losses.ArcFaceLoss(scale=16), learning_rate_multiplier=3, dtype=policy)
    model = keras.Model({"image": image, "label": label}, head(embedding, labels=label))
    classify = keras.Model(image, head(embedding))
    model.compile(keras.optimizers.Adam(0.02))
    inputs = {"image": x, "label": labels}
    first = model.evaluate(inputs, verbose=0)
    assert (classify.predict(x, verbose=0).argmax(1) == labels).mean() < 0.2
    model.fit(inputs, batch_size=20, epochs=20, verbose=0)
    assert model.evaluate(inputs, verbose=0) < 0.3 * first
    assert (classify.predict(x, verbose=0).argmax(1) == labels).mean() > 0.9


@tensorflow_only
def test_a_run_goes_on_in_a_fresh_process_with_the_same_draws(tmp_path):
    x, labels = batch(40)
    image, label = keras.Input((8,), name="image"), keras.Input((), dtype="int64", name="label")
    embedding = keras.layers.Dense(4)(image)
    head = SampledProxies(CLASSES, 24, losses.CosFaceLoss(scale=16), name="head")
    model = keras.Model({"image": image, "label": label}, head(embedding, labels=label))
    model.compile(keras.optimizers.Adam(0.02))
    fit = {"batch_size": 20, "shuffle": False, "epochs": 2, "verbose": 0}
    model.fit({"image": x, "label": labels}, **fit)
    model.save(tmp_path / "half.keras")
    model.fit({"image": x, "label": labels}, **fit)
    np.savez(tmp_path / "data.npz", x=x, labels=labels, proxies=head.proxies)
    script = """
import numpy as np, keras, tfdml
data = np.load("data.npz")
model = keras.models.load_model("half.keras")
model.fit({"image": data["x"], "label": data["labels"]}, batch_size=20, shuffle=False, epochs=2, verbose=0)
np.testing.assert_allclose(model.get_layer("head").proxies, data["proxies"], rtol=1e-3, atol=1e-4)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"samples": 0}, "samples to be an integer of at least 1, received: 0"),
        ({"samples": 41}, "samples to be at most num_classes=40, received: 41"),
        ({"loss": losses.NTXentLoss()}, "loss to be a class loss of tfdml.losses, received: "),
        ({"loss": "arc_face"}, "loss to be a class loss of tfdml.losses, received: 'arc_face'"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"Expected {message}"):
        SampledProxies(**{"num_classes": 40, "samples": 8, "loss": losses.ArcFaceLoss(), **arguments})
