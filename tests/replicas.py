"""Two virtual devices for a script of its own process, and how they reach one another."""

import tensorflow as tf

from tfdml.losses.replicas import find_replicas_by


class TwoReplicas:
    """What `tfdml.losses.replicas` asks for, by `tf.distribute`."""

    def gather(self, x):
        return tf.distribute.get_replica_context().all_gather(x, axis=0)

    def place(self, x):
        return tf.distribute.get_replica_context().replica_id_in_sync_group * tf.shape(x)[0]


def two_devices():
    """A strategy of two replicas; before anything else runs."""
    device = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
    find_replicas_by(lambda: TwoReplicas() if in_one_of_several() else None)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def in_one_of_several():
    several = tf.distribute.get_strategy().num_replicas_in_sync > 1
    return several and not tf.distribute.in_cross_replica_context()
