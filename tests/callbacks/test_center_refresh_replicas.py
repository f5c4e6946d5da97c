"""CenterRefresh under `tf.distribute`."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

PROGRAM = """
import json
from replicas import two_devices
strategy = two_devices()
import keras, numpy as np, tensorflow as tf, tfdml
tfdml.losses.replicas.find_replicas_by(tfdml.models.replicas.tensorflow_replicas)
rng = np.random.default_rng(0)
labels = np.arange(38) % 4
given = {"image": rng.normal(size=(38, 6)).astype("float32"), "index": rng.permutation(50)[:38]}
dataset = tf.data.Dataset.from_tensor_slices((given, labels)).batch(16)

def train(mode):
    keras.utils.set_random_seed(0)
    image, index = keras.Input((6,), name="image"), keras.Input((), dtype="int64", name="index")
    embedding = keras.layers.Dense(4)(image)
    layer = tfdml.layers.NNGKClassifier(4, 50, neighbors=8, centers=mode, name="classifier")
    model = keras.Model({"image": image, "index": index}, layer(embedding, index=index))
    loss = keras.losses.SparseCategoricalCrossentropy(reduction="sum")
    model.compile(keras.optimizers.SGD(0.002), loss=loss)
    refresh = tfdml.callbacks.CenterRefresh(dataset)
    model.fit(dataset.take(2), epochs=3, callbacks=[refresh], verbose=0)
    variables = [v.numpy().tolist() for v in model.variables]
    return variables, np.flatnonzero(layer.array("active")).tolist(), refresh._embed.shared is not None

def redistributed():
    layer = tfdml.layers.NNGKClassifier(2, capacity=6, neighbors=3, bandwidth=1.0, soft_targets=True)
    layer.build((None, 1))
    layer.set_centers([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    tfdml.continual.drop_centers(layer, [2])
    return layer.array("targets").round(5).tolist()

with strategy.scope():  # first, when it is traced
    shared = redistributed()
assert shared == redistributed() and shared[1][1] > 0

for mode in "tied", "loose":
    one = train(mode)
    with strategy.scope():
        two = train(mode)
    print(json.dumps([one, two, sorted(given["index"].tolist())]))
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
def test_two_replicas_embed_their_shares_and_train_the_same(pytestconfig):
    """The last batch has an odd share for each of the two."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=pytestconfig.rootpath / "tests", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(lines) == 2
    for (one, active, alone), (two, same, shared), index in lines:
        assert active == same == index and shared and not alone
        for ours, theirs in zip(two, one, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
