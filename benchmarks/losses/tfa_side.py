"""One compiled step of TensorFlow Addons."""

import tensorflow as tf
import tensorflow_addons as tfa

from benchmarks.losses.addon_calls import calls
from benchmarks.losses.batches import batch

addons = tfa.losses


def versions():
    """What is measured."""
    return {"tensorflow_addons": tfa.__version__, "its tensorflow": tf.__version__}


def use_threads(number):
    """Of TensorFlow, before it computes."""
    tf.config.threading.set_intra_op_parallelism_threads(number)


def step(name, batch_size, kind):
    """A function without arguments that gives value and gradient; traced, but not run yet."""
    labels, z = (tf.constant(x) for x in batch(batch_size))

    @tf.function
    def compiled(labels, z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = LOSSES[name](labels, z)
        return value, tape.gradient(value, z)

    compiled.get_concrete_function(labels, z)
    return lambda: tuple(x.numpy() for x in compiled(labels, z))


LOSSES = {
    "triplet_hard": addons.TripletHardLoss(margin=0.1),
    "triplet_semi_hard": addons.TripletSemiHardLoss(margin=0.1),
    "tfa_triplet_hard": addons.TripletHardLoss(),
    "tfa_triplet_semi_hard": addons.TripletSemiHardLoss(),
    "tfa_lifted_struct": addons.LiftedStructLoss(),
    **calls(addons),
}
