import subprocess
import sys

import keras
import numpy as np
import oracles_class_losses as oracle
import pytest
from keras import ops

from tfdml import losses
from tfdml.layers import Proxies

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")


def built(*arguments, dim=4, **more):
    layer = Proxies(*arguments, **more)
    layer.build((None, dim))
    return layer


def numbers(x):
    return ops.convert_to_numpy(x)


def clusters(n=96, classes=6, dim=16):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % classes
    return (rng.normal(size=(classes, dim))[labels] + 0.5 * rng.normal(size=(n, dim))).astype(
        "float32"
    ), labels


@pytest.mark.backend
@pytest.mark.parametrize("per_class", [1, 3])
@pytest.mark.parametrize("multiplier", [1.0, 100.0, 0.01])
def test_gives_the_cosines_to_its_proxies(per_class, multiplier):
    layer = built(5, per_class, multiplier)
    z = np.random.default_rng(0).normal(size=(7, 4))
    s = numbers(layer(z))
    assert s.shape == ((7, 5) if per_class == 1 else (7, 5, 3))
    np.testing.assert_allclose(s, oracle.cosines(z, numbers(layer.proxies)), atol=1e-6)


@pytest.mark.backend
@pytest.mark.parametrize("multiplier", [1.0, 100.0])
def test_proxies_begin_as_directions_of_length_about_one(multiplier):
    keras.utils.set_random_seed(0)
    proxies = numbers(built(50, 4, multiplier, dim=64).proxies)
    assert np.linalg.norm(proxies, axis=2).mean() == pytest.approx(1, abs=0.02)
    assert np.abs(proxies.mean()) < 0.01


@pytest.mark.backend
def test_proxies_may_be_set():
    layer = built(3, 2, learning_rate_multiplier=10)
    means = np.random.default_rng(0).normal(size=(3, 2, 4))
    layer.set_proxies(means)
    np.testing.assert_allclose(numbers(layer.proxies), means, rtol=1e-6)
    np.testing.assert_allclose(numbers(layer.get_weights()[0]), means / 10, rtol=1e-5)
    with pytest.raises(ValueError, match=r"Expected proxies to be of shape \(3, 2, 4\), received: \(3, 4\)"):
        layer.set_proxies(means[:, 0])


@pytest.mark.backend
@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "RMSprop"])
@pytest.mark.parametrize("multiplier", [10.0, 0.1])
def test_a_step_is_longer_by_the_multiplier(optimizer, multiplier):
    """Whatever the optimiser: a gradient that is scaled would do nothing under the last two."""
    x, labels = clusters(12)

    def step(multiplier):
        head = Proxies(6, learning_rate_multiplier=multiplier)
        model = keras.Sequential([keras.Input((16,)), head])
        head.set_proxies(np.random.default_rng(1).normal(size=(6, 16)))
        model.compile(getattr(keras.optimizers, optimizer)(1e-2), loss=losses.NormalizedSoftmaxLoss())
        before = numbers(head.proxies)
        model.fit(x, labels, batch_size=12, verbose=0)
        return numbers(head.proxies) - before

    once = step(1.0)
    assert np.abs(once).max() > 1e-3
    # A step is the difference of two numbers of about 1 in float32.
    np.testing.assert_allclose(step(multiplier), multiplier * once, rtol=0.02, atol=2e-6)


@pytest.mark.backend
def test_the_multiplier_does_not_reach_other_weights():
    x, labels = clusters(12)

    def dense(multiplier):
        keras.utils.set_random_seed(0)
        head = Proxies(6, learning_rate_multiplier=multiplier)
        model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(4), head])
        head.set_proxies(np.random.default_rng(1).normal(size=(6, 4)))
        model.compile(keras.optimizers.SGD(0.1), loss=losses.NormalizedSoftmaxLoss())
        model.fit(x, labels, batch_size=12, verbose=0)
        return numbers(model.layers[0].kernel)

    np.testing.assert_allclose(dense(100.0), dense(1.0), rtol=1e-4, atol=1e-6)


@pytest.mark.backend
def test_merging_draws_the_centers_of_a_class_together():
    x, labels = clusters()

    def train(merging):
        keras.utils.set_random_seed(0)
        head = Proxies(6, per_class=4, merging=merging)
        model = keras.Sequential([keras.Input((16,)), head])
        model.compile(keras.optimizers.Adam(0.02), loss=losses.SoftTripleLoss())
        first = model.evaluate(x, labels, verbose=0)
        plain = float(losses.SoftTripleLoss()(labels, numbers(head(x))))
        assert first == pytest.approx(plain + merging * oracle.spread(numbers(head.proxies)), rel=1e-3)
        model.fit(x, labels, epochs=15, verbose=0)
        return oracle.spread(numbers(head.proxies))

    assert train(3.0) < 0.5 * train(0.0)


@pytest.mark.backend
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_mixed_policy_does_not_round(policy):
    z = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    layer = Proxies(3, dtype=policy)
    s = layer(z)
    assert keras.backend.standardize_dtype(s.dtype) == "float32"
    np.testing.assert_allclose(numbers(s), oracle.cosines(z, numbers(layer.proxies)), atol=1e-6)


@tensorflow_only
def test_a_run_goes_on_in_a_fresh_process(tmp_path):
    """Proxies and the moments of the optimiser are in the file; the model of embeddings is without a head."""
    x, labels = clusters()
    image = keras.Input((16,))
    embedding = keras.layers.Dense(4, name="embedding")(image)
    head = Proxies(6, per_class=2, learning_rate_multiplier=10, merging=0.1, name="head")
    model = keras.Model(image, head(embedding))
    model.compile(keras.optimizers.Adam(0.01), loss=losses.SubCenterArcFaceLoss(scale=16))
    model.fit(x, labels, batch_size=32, shuffle=False, epochs=2, verbose=0)
    model.save(tmp_path / "half.keras")
    embed = keras.Model(image, embedding)
    embed.export(tmp_path / "embed", verbose=False)
    np.savez(tmp_path / "data.npz", x=x, labels=labels, z=embed.predict(x, verbose=0))
    model.fit(x, labels, batch_size=32, shuffle=False, epochs=2, verbose=0)
    np.savez(tmp_path / "whole.npz", proxies=numbers(head.proxies))
    script = """
import sys, numpy as np, tensorflow as tf
data, whole = np.load("data.npz"), np.load("whole.npz")
served = tf.saved_model.load("embed")
np.testing.assert_allclose(served.serve(data["x"]), data["z"], atol=1e-5)
assert len(served.variables) == 2 and "tfdml" not in sys.modules
import keras, tfdml
model = keras.models.load_model("half.keras")
model.fit(data["x"], data["labels"], batch_size=32, shuffle=False, epochs=2, verbose=0)
np.testing.assert_allclose(model.get_layer("head").proxies, whole["proxies"], rtol=1e-4, atol=1e-5)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": 0}, "num_classes to be an integer of at least 1, received: 0"),
        ({"num_classes": 2.5}, "num_classes to be an integer of at least 1, received: 2.5"),
        ({"num_classes": 3, "per_class": 0}, "per_class to be an integer of at least 1, received: 0"),
        (
            {"num_classes": 3, "learning_rate_multiplier": 0},
            "learning_rate_multiplier to be a number above 0",
        ),
        ({"num_classes": 3, "merging": -1}, "merging to be a number of at least 0, received: -1"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"Expected {message}"):
        Proxies(**arguments)


def test_other_embeddings_are_refused():
    with pytest.raises(ValueError, match=r"Expected embeddings to be of shape \(batch, dim\), received: "):
        Proxies(3)(np.zeros((2, 3, 4), "float32"))
