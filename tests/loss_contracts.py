"""What the contracts of losses share: which losses there are, and checks of one loss on one batch.

`make` is a class of losses whose arguments have defaults; `y` and `x` are what `loss(y, x)` takes.
"""

import json

import keras
import numpy as np
import pytest
from keras import ops
from oracles import finite_differences, value_and_gradient

import tfdml
from tfdml.compat import tensorflow_addons

BASES = {tfdml.losses.MetricLoss, tfdml.losses.ClassLoss}


def public_losses(package, base=keras.losses.Loss):
    """The public classes of losses of a package, below a base."""
    found = [getattr(package, name) for name in package.__all__]
    return [c for c in found if isinstance(c, type) and issubclass(c, base) and c not in BASES]


METRIC = public_losses(tfdml.losses, tfdml.losses.MetricLoss)
CLASS = public_losses(tfdml.losses, tfdml.losses.ClassLoss)
ADDONS = public_losses(tensorflow_addons.losses)

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
half_precision = pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
every_precision = pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
wrong_labels = pytest.mark.parametrize(
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

# Batches that every loss on embeddings has to bear; each contract has others beside them.
DEGENERATE = [
    pytest.param(np.zeros(8, int), np.eye(8), id="one class"),
    pytest.param(np.arange(8), np.eye(8), id="all distinct"),
    pytest.param(np.zeros(1, int), np.ones((1, 4)), id="one sample"),
    pytest.param(np.arange(8) // 2, np.ones((8, 4)), id="identical"),
    pytest.param(np.arange(8) // 2, np.zeros((8, 4)), id="zero"),
]


def each(classes):
    """A parametrisation by `make`."""
    return pytest.mark.parametrize("make", classes, ids=lambda c: c.__name__)


def below(cls):
    """A class and all that derive from it."""
    return {cls, *(c for sub in cls.__subclasses__() for c in below(sub))}


def check_configuration(loss, y, x):
    """It goes through JSON, and what comes out of it is the same in every respect; returned."""
    config = json.dumps(keras.losses.serialize(loss))
    revived = keras.losses.deserialize(json.loads(config))
    assert json.dumps(keras.losses.serialize(revived)) == config
    assert type(revived) is type(loss) and dir(revived) == dir(loss)
    assert revived.name == loss.name and revived.dtype == loss.dtype
    assert float(revived(y, x)) == float(loss(y, x))
    return revived


def check_finite(loss, y, x):
    value, gradient = value_and_gradient(lambda x: loss(y, x), x)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def check_computes_in_float32(loss, y, x, dtype):
    rounded = ops.cast(x, dtype)
    value, gradient = value_and_gradient(lambda x: loss(y, x), rounded)
    exact, exact_gradient = value_and_gradient(lambda x: loss(y, x), ops.cast(rounded, "float32"))
    assert value == pytest.approx(exact, rel=1e-6)
    np.testing.assert_allclose(gradient, exact_gradient, atol=1e-2 * np.abs(exact_gradient).max())


def check_compiles_to_the_same_numbers(loss, y, x):
    import tensorflow as tf

    plain = value_and_gradient(lambda x: loss(y, x), x)
    compiled = value_and_gradient(tf.function(lambda x: loss(y, x), jit_compile=True), x)
    assert compiled[0] == pytest.approx(plain[0], rel=1e-5)
    np.testing.assert_allclose(compiled[1], plain[1], atol=1e-5 * np.abs(plain[1]).max())


def check_is_traced_once(loss, batches):
    """Whatever batches hold, and however large they are."""
    import tensorflow as tf

    traces = []
    width = tf.TensorSpec((None, *batches[0][1].shape[1:]))

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int64), width, tf.TensorSpec((None,))])
    def step(y, x, weights):
        traces.append(1)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(y, x, sample_weight=weights)
        return value, tape.gradient(value, x)

    for y, x in batches:
        value, gradient = step(y, x, np.ones(len(y), "float32"))
        assert float(value) == pytest.approx(float(loss(y, x)), rel=1e-5)
        assert gradient.shape == x.shape
    assert len(traces) == 1


def check_one_value_a_sample_and_weights(make, y, x):
    each = ops.convert_to_numpy(make(reduction="none")(y, x))
    assert each.shape == (len(x),)
    assert float(make()(y, x)) == pytest.approx(each.mean(), rel=1e-5)
    weights = np.linspace(0, 2, len(x)).astype("float32")
    assert float(make()(y, x, sample_weight=weights)) == pytest.approx((weights * each).mean(), rel=1e-5)


def check_gradient(total, x, held=lambda function: function, tolerance=1e-2):
    """Against finite differences; `held` gives what they are taken of, from the total."""
    exact = x.dtype == "float64"
    _, gradient = value_and_gradient(total, x)
    function = held(total)
    numeric = finite_differences(
        lambda z: float(function(ops.convert_to_tensor(z.astype(x.dtype)))), x, step=1e-6 if exact else 1e-3
    )
    scale = np.abs(numeric).max()
    assert scale > 1e-2
    np.testing.assert_allclose(gradient, numeric, atol=(1e-6 if exact else tolerance) * scale)
