"""The replicas of `tf.distribute`, whose samples are positives and negatives of one another."""

import keras


class Replicas:
    """The replicas that a step runs on, as `tfdml.losses.replicas` wants them.

    Args:
        context: The replica context of TensorFlow.
    """

    def __init__(self, context):
        self.context = context
        self.count = context.num_replicas_in_sync

    def gather(self, x):
        """The `x` of all replicas, one after the other; gradients are summed and go back to their own."""
        import tensorflow as tf

        return tf.ensure_shape(self.context.all_gather(x, axis=0), (None, *x.shape[1:]))

    def place(self, x):
        """Where the own `x` begins in what `gather` gives; batches may differ in size."""
        import tensorflow as tf

        sizes = self.gather(tf.shape(x)[:1])
        return tf.reduce_sum(sizes[: self.context.replica_id_in_sync_group])


def tensorflow_replicas():
    """The replicas of the step that is being run or traced; `None` outside of `tf.distribute`."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return None if context is None or context.num_replicas_in_sync == 1 else Replicas(context)
