"""Two replicas on one machine, whose devices must be set up before anything else: in a process of its own."""

import re
import subprocess
import sys

import numpy as np
import pytest

from tfdml.data import BalancedSampler

SCRIPT = """
import sys
import keras, numpy as np, tensorflow as tf
from tfdml.data import from_arrays
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

class Show(keras.layers.Layer):
    def call(self, images):
        replica = tf.distribute.get_replica_context()
        if replica is not None:
            place = replica.replica_id_in_sync_group
            tf.print("seen", place, images[:, 0, 0, 0], output_stream=sys.stdout, summarize=-1)
        return images

    def compute_output_shape(self, shape):
        return shape

pictures = np.arange(48, dtype="uint8").repeat(12).reshape(48, 2, 2, 3)
image_set = from_arrays(pictures, np.arange(48) // 6)
with strategy.scope():
    model = keras.Sequential([keras.Input((2, 2, 3)), Show(), keras.layers.Flatten(), keras.layers.Dense(8)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))

whole = image_set.balanced_batches(4, 2, index=False)
steps = int(whole.cardinality())
print("plain", flush=True)
model.fit(whole, epochs=2, verbose=0, shuffle=False)
print("sharded", flush=True)
parts = strategy.distribute_datasets_from_function(
    lambda context: image_set.balanced_batches(4, 2, index=False, shard=context).repeat()
)
model.fit(parts, epochs=2, steps_per_epoch=steps, verbose=0, shuffle=False)
"""


@pytest.fixture(scope="module")
def seen():
    """What each replica saw: `{how: {replica: batches}}`."""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:keras", "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "ran out of data" not in done.stderr
    found = {}
    for line in done.stdout.splitlines():
        if line in ("plain", "sharded"):
            batches = found[line] = {0: [], 1: []}
        elif match := re.fullmatch(r"seen (\d) \[(.*)\]", line):
            batches[int(match[1])].append([int(value) for value in match[2].split()])
    return found


@pytest.mark.parametrize("how", ["plain", "sharded"])
def test_each_replica_sees_its_own_rows_of_each_batch(seen, how):
    sampler = BalancedSampler(np.arange(48) // 6, 4, 2)

    def halves(epoch):
        batches = [*sampler.epoch(epoch).tolist(), *sampler.epoch(epoch + 1).tolist()]
        return {0: [batch[:4] for batch in batches], 1: [batch[4:] for batch in batches]}

    # Keras may look at a first batch to build the model, which is a pass too.
    assert seen[how] in (halves(0), halves(1))
