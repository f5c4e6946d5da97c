import keras
import numpy as np
import oracles_classifiers as oracles
import pytest
from keras import ops
from oracles import value_and_gradient

from tfdml.layers import KernelNeuron

as_numpy = ops.convert_to_numpy
RNG = np.random.default_rng(0)
CENTERS, QUERIES = RNG.normal(size=(7, 3)).astype("float32"), RNG.normal(size=(5, 3)).astype("float32")


def neuron(stored=CENTERS, **arguments):
    keras.utils.set_random_seed(0)
    layer = KernelNeuron(**{"units": 2, "num_centers": len(stored), "bandwidth": 0.8} | arguments)
    layer.build((None, np.shape(stored)[1]))
    layer.set_centers(stored)
    return layer


@pytest.mark.backend
@pytest.mark.parametrize("neighbors", [None, 1, 3, 40])
def test_equals_a_loop(neighbors):
    layer = neuron(neighbors=neighbors)
    layer.bias.assign([0.5, -2.0])
    weights, bias = as_numpy(layer.kernel), as_numpy(layer.bias)
    expected = [oracles.kernel_neuron(z, CENTERS, weights, bias, 0.8, neighbors) for z in QUERIES]
    np.testing.assert_allclose(as_numpy(layer(QUERIES)), expected, atol=1e-5)
    activated = neuron(neighbors=neighbors, activation="softmax", use_bias=False)
    values = [oracles.kernel_neuron(z, CENTERS, weights, [0, 0], 0.8, neighbors) for z in QUERIES]
    np.testing.assert_allclose(
        as_numpy(activated(QUERIES)), as_numpy(ops.softmax(np.array(values))), atol=1e-5
    )


@pytest.mark.backend
def test_far_from_all_centers_it_is_the_bias():
    layer = neuron()
    layer.bias.assign([0.5, -2.0])
    np.testing.assert_allclose(as_numpy(layer(QUERIES + 1000)), [[0.5, -2.0]] * 5)


@pytest.mark.backend
@pytest.mark.parametrize("neighbors", [None, 3])
@pytest.mark.parametrize("size", [0.0, 1e-20, 1e4, 1e15, 1e30])
def test_degenerate_embeddings_give_finite_values_and_gradients(size, neighbors):
    z = np.float32(size) * np.ones((7, 3), "float32")
    layer = neuron(z, neighbors=neighbors, bandwidth="median")
    value, gradient = value_and_gradient(lambda x: ops.sum(ops.square(layer(x))), z)
    assert np.isfinite(value) and np.isfinite(gradient).all()


def test_everything_of_it_is_trained():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, 3)).astype("float32"), np.arange(60) % 2
    x[:, 0] += 3 * y
    layer = neuron(x[:8], bandwidth="learned", neighbors=4, activation="softmax")
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    before = [as_numpy(v).copy() for v in layer.trainable_variables]
    history = model.fit(x, y, epochs=20, verbose=0).history
    assert len(before) == 4 and history["accuracy"][-1] > 0.9
    assert all((as_numpy(v) != b).any() for v, b in zip(layer.trainable_variables, before, strict=True))


def test_the_median_bandwidth_is_that_of_the_centers():
    distances = [np.linalg.norm(a - b) for i, a in enumerate(CENTERS) for b in CENTERS[:i]]
    for offset in 0, 1000:
        layer = neuron(CENTERS + np.float32(offset), bandwidth="median")
        assert float(ops.exp(layer.log_bandwidth)) == pytest.approx(np.median(distances), rel=1e-3)
    assert float(neuron().log_bandwidth) == pytest.approx(np.log(0.8))


def test_refuses_what_it_cannot_use():
    layer = KernelNeuron(2, num_centers=7)
    with pytest.raises(ValueError, match=r"kernel_neuron.* to be built"):
        layer.set_centers(CENTERS)
    layer.build((None, 3))
    with pytest.raises(ValueError, match=r"centers to be of shape \(7, 3\), received: \(6, 3\)"):
        layer.set_centers(CENTERS[:6])
    with pytest.raises(ValueError, match=r"embeddings to be of shape \(samples, 3\), received: \(7, 2\)"):
        layer.set_centers(CENTERS[:, :2])
    with pytest.raises(ValueError, match="finite"):
        layer.set_centers(np.full_like(CENTERS, np.nan))
    for name, value in (
        ("units", 0),
        ("num_centers", 0),
        ("neighbors", -1),
        ("bandwidth", 0),
        ("bandwidth", "x"),
    ):
        with pytest.raises(ValueError, match=f"Expected {name} to be"):
            KernelNeuron(**{"units": 2, "num_centers": 7, name: value})
