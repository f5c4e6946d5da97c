"""What every public layer keeps to, with its default arguments; a new class in `tfdml.layers` joins in."""

import functools
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import tfdml

CLASSES = [getattr(tfdml.layers, name) for name in tfdml.layers.__all__]
# The arguments that have no default, and an initializer that gives the same weights each time.
SAME = keras.initializers.RandomNormal(seed=0)
ARGUMENTS = {
    "CosineHead": {"num_classes": 5, "scale": "adaptive", "initializer": SAME},
    "CrossBatchMemory": {"loss": tfdml.losses.ContrastiveLoss(), "capacity": 4},
    "KernelNeuron": {"units": 3, "num_centers": 5, "kernel_initializer": SAME},
    "NNGKClassifier": {"num_classes": 3, "capacity": 7, "neighbors": 4},
    "NearestNeighborsClassifier": {"num_classes": 3, "capacity": 7},
    "Proxies": {"num_classes": 5, "initializer": SAME},
    "SampledProxies": {
        "num_classes": 5,
        "samples": 4,
        "loss": tfdml.losses.ArcFaceLoss(),
        "initializer": SAME,
    },
}


def made(cls, **arguments):
    """A layer, with centers of its own if it has any."""
    layer = cls(**arguments)
    if hasattr(layer, "set_centers"):
        layer.build((None, 4))
        centers = np.random.default_rng(1).normal(size=(5, 4))
        layer.set_centers(*((centers,) if cls.__name__ == "KernelNeuron" else (centers, np.arange(5) % 3)))
    return layer


MAKERS = {c.__name__: functools.partial(made, c, **ARGUMENTS.get(c.__name__, {})) for c in CLASSES}
every_layer = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")


def embeddings():
    return np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def test_every_layer_is_public():
    def below(cls):
        return {cls, *(c for sub in cls.__subclasses__() for c in below(sub))}

    ours = {c for c in below(keras.layers.Layer) if c.__module__.startswith("tfdml.layers")}
    assert ours == set(CLASSES)


@every_layer
def test_survives_its_configuration(make):
    layer = make(name="other")
    config = json.dumps(keras.layers.serialize(layer))
    revived = keras.layers.deserialize(json.loads(config))
    assert json.dumps(keras.layers.serialize(revived)) == config
    assert revived.name == "other"


@tensorflow_only
def test_a_fresh_process_loads_them_and_one_without_keras_runs_their_export(tmp_path):
    x = embeddings()
    np.save(tmp_path / "x.npy", x)
    for name, make in MAKERS.items():
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), make()])
        model.save(tmp_path / f"{name}.keras")
        model.export(tmp_path / name, verbose=False)
        np.save(tmp_path / f"{name}.npy", model.predict(x, verbose=0))
    script = """
import sys, numpy as np, tensorflow as tf
x, names = np.load("x.npy"), sys.argv[1:]
loaded = {name: tf.saved_model.load(name) for name in names}
served = {name: model.serve(x).numpy() for name, model in loaded.items()}
assert "tfdml" not in sys.modules
import keras, tfdml
for name in names:
    expected = np.load(f"{name}.npy")
    np.testing.assert_allclose(served[name], expected, atol=1e-5)
    np.testing.assert_allclose(keras.saving.load_model(f"{name}.keras")(x), expected, atol=1e-5)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, *MAKERS], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@every_layer
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_stays_near_float32(make, policy):
    x = embeddings()
    exact, mixed = (keras.ops.convert_to_numpy(make(dtype=dtype)(x)) for dtype in ("float32", policy))
    np.testing.assert_allclose(mixed.astype("float32"), exact, atol=0.02)


@tensorflow_only
@every_layer
def test_compiles_to_the_same_numbers(make):
    import tensorflow as tf

    layer, x = make(), embeddings()
    np.testing.assert_allclose(tf.function(layer, jit_compile=True)(x), layer(x), rtol=1e-5, atol=1e-6)


@tensorflow_only
@every_layer
def test_gradients_equal_finite_differences(make):
    import tensorflow as tf

    layer, x = make(dtype="float64"), embeddings().astype("float64")
    weights = np.random.default_rng(1).normal(size=layer(x).shape)
    value = tf.function(lambda z: tf.reduce_sum(layer(z) * weights))
    z = tf.Variable(x)
    with tf.GradientTape() as tape:
        total = value(z)
    gradient = tape.gradient(total, z, unconnected_gradients="zero").numpy()  # votes are counted
    step = 1e-6
    for place in np.ndindex(x.shape):
        moved = np.zeros_like(x)
        moved[place] = step
        slope = (value(tf.constant(x + moved)) - value(tf.constant(x - moved))).numpy() / (2 * step)
        assert gradient[place] == pytest.approx(slope, rel=1e-4, abs=1e-7)


@tensorflow_only
@every_layer
@pytest.mark.parametrize("scale", [0.0, 1e-20, 1e4, 1e30])
def test_any_size_gives_finite_values_and_gradients(make, scale):
    import tensorflow as tf

    z = tf.Variable(embeddings() * np.float32(scale))
    with tf.GradientTape() as tape:
        y = make()(z)
    gradient = tape.gradient(y, z, unconnected_gradients="zero")
    assert np.isfinite(y).all() and np.isfinite(gradient).all()
