"""Two replicas are one device: negatives, averages and gradients, in a process with two virtual devices."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import tfdml

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
PUBLIC = [thing for name in tfdml.losses.__all__ if isinstance(thing := getattr(tfdml.losses, name), type)]
LOSSES = [c for c in PUBLIC if issubclass(c, tfdml.losses.MetricLoss) and c is not tfdml.losses.MetricLoss]
STEPS = [
    {"loss": "NTXentLoss"},
    {"loss": "TripletLoss"},
    {"loss": "IntraPairVarianceLoss"},
    # What tiles have in common goes over to the other replica as well.
    {"loss": "LiftedStructureLoss", "tile": 5},
    # The last batch is not the same on both; Keras' mean would give the replicas the same weight.
    {"loss": "ContrastiveLoss", "reduction": "sum", "samples": 31},
    {"loss": "NTXentLoss", "reduction": "sum", "samples": 31, "tile": 4},
    # A memory is filled by both, in one order.
    {"loss": "ContrastiveLoss", "memory": True, "samples": 48},
    {"loss": "LiftedStructureLoss", "memory": True, "samples": 48},
    {"loss": "ContrastiveLoss", "memory": True, "samples": 48, "in_batch": False},
    {"loss": "NTXentLoss", "cached": True},
    {"loss": "ArcFaceLoss", "sampled": True},
]
PROGRAM = """
import json, sys
import numpy as np, tensorflow as tf, keras

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import tfdml

rng = np.random.default_rng(0)
data = rng.normal(size=(64, 6)).astype("float32"), rng.integers(0, 4, 64) + 2**40
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
weight = rng.normal(size=(6, 4)).astype("float32")

def gradient(loss, x, y):
    w = tf.constant(weight)
    with tf.GradientTape() as tape:
        tape.watch(w)
        value = loss(y, x @ w)
    return value, tape.gradient(value, w)

def halves(x):
    parts = np.array_split(x, 2)
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(parts[context.replica_id_in_sync_group])
    )

def build(loss, memory=False, cached=False, sampled=False, in_batch=True):
    keras.utils.set_random_seed(0)
    x, y = keras.Input((6,), name="x"), keras.Input((), dtype="int64", name="y")
    z = keras.layers.Dense(4, name="dense")(x)
    if memory:
        z = tfdml.layers.CrossBatchMemory(loss, 20, in_batch=in_batch, name="memory")(z, labels=y)
    if sampled:  # all of the classes: what is drawn does not matter
        first = keras.initializers.RandomNormal(seed=0)
        z = tfdml.layers.SampledProxies(4, samples=4, loss=loss, initializer=first)(z, labels=y % 4)
    model = keras.Model({"x": x, "y": y} if memory or sampled else x, z)
    model = tfdml.models.GradientCaching(model, 3) if cached else model
    model.compile(keras.optimizers.SGD(0.1), loss=None if sampled or (memory and in_batch) else loss)
    return model

def train(model, samples, memory=False, cached=False, sampled=False, in_batch=True):
    x, y = (part[:samples] for part in data)
    inputs = ({"x": x, "y": y}, y) if memory or sampled else (x, y)
    logs = model.fit(*inputs, batch_size=16, shuffle=False, verbose=0).history["loss"]
    if memory:
        logs += [model.evaluate(*inputs, batch_size=16, verbose=0)]
    return logs, [v.numpy().tolist() for v in model.variables if "seed" not in v.path]

for name in json.loads(sys.argv[1]):
    loss, (x, y) = getattr(tfdml.losses, name)(), (part[:16] for part in data)
    one = [v.numpy().tolist() for v in gradient(loss, x, y)]
    parts = strategy.run(lambda x, y: gradient(loss, x, y), args=(halves(x), halves(y)))
    two = [sum(v.numpy() for v in strategy.experimental_local_results(part)).tolist() for part in parts]
    apart = [float(loss(y[half], x[half] @ weight)) for half in (slice(8), slice(8, 16))]
    print(json.dumps([one, two, sum(apart) / 2]), flush=True)

for case in json.loads(sys.argv[2]):
    make, samples = getattr(tfdml.losses, case.pop("loss")), case.pop("samples", 16)
    kind = {k: case.pop(k) for k in ("memory", "cached", "sampled", "in_batch") if k in case}
    one = train(build(make(**case), **kind), samples, **kind)
    with strategy.scope():
        two = build(make(**case), **kind)
    print(json.dumps([one, train(two, samples, **kind)]), flush=True)
"""


@pytest.fixture(scope="module")
def results():
    arguments = json.dumps([c.__name__ for c in LOSSES]), json.dumps(STEPS)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


@pytest.mark.parametrize("number", range(len(LOSSES)), ids=[c.__name__ for c in LOSSES])
def test_every_loss_and_its_gradient_are_those_of_one_device(results, number):
    (value, gradient), (of_two, gradient_of_two), apart = results[number]
    assert of_two == pytest.approx(value, rel=1e-5)
    scale = np.abs(gradient).max()
    assert scale > 1e-3
    np.testing.assert_allclose(gradient_of_two, gradient, atol=1e-5 * scale)
    assert apart != pytest.approx(value, rel=1e-3), "the halves alone would do"


@pytest.mark.parametrize("number", range(len(STEPS)), ids=[json.dumps(case) for case in STEPS])
def test_training_on_two_replicas_is_training_on_one(results, number):
    """The losses that are logged, the weights that come of them, what a memory holds."""
    (one, weights), (two, others) = results[len(LOSSES) + number]
    if "samples" not in STEPS[number] or STEPS[number]["samples"] % 2 == 0:  # else Keras logs other means
        assert two == pytest.approx(one, rel=1e-5)
    assert len(weights) == len(others)
    for a, b in zip(weights, others, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
