"""Every loss on similarities to classes, on two virtual devices as on one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from loss_contracts import CLASS, tensorflow_only


@tensorflow_only
def test_two_replicas_equal_one(tmp_path):
    """A step of plain gradient descent by two virtual devices, each with half of the batch."""
    script = """
import json, sys, keras, numpy as np, tensorflow as tf, tfdml
from replicas import two_devices
both = two_devices(), tf.distribute.get_strategy()
rng = np.random.default_rng(0)
x, labels = rng.normal(size=(8, 5)).astype("float32"), np.array([0, 1, 2, 0, 3, 1, 1, 2])

def trained(make, strategy):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        head = tfdml.layers.Proxies(4, per_class=2, learning_rate_multiplier=3)
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3), head])
        model.compile(keras.optimizers.SGD(0.1), loss=make())
    data = tf.data.Dataset.from_tensor_slices((x, labels)).batch(8)
    loss = model.fit(data, verbose=0).history["loss"][0]
    return [loss, *(w.tolist() for w in model.get_weights())]

print(json.dumps({n: [trained(getattr(tfdml.losses, n), s) for s in both] for n in sys.argv[1:]}))
"""
    names = [make.__name__ for make in CLASS]
    done = subprocess.run(
        [sys.executable, "-c", script, *names],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout.splitlines()[-1])
    for name, (two, one) in results.items():
        for ours, theirs in zip(two, one, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5, err_msg=name)
