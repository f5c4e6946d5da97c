"""The gradients of the losses of old tasks, at every step of a new one."""

import keras
import numpy as np

from tfdml.continual.around_optimizer import AroundOptimizer
from tfdml.continual.gradient_projection import project_gradient
from tfdml.metrics.embedding import model_inputs


@keras.saving.register_keras_serializable(package="tfdml")
class EpisodicGradients(AroundOptimizer):
    """Turns gradients so that they raise the losses of no memory; `memories` gives the gradients of these."""

    memories, margin, damping = None, 0.5, 1e-3

    def before(self, grads, variables):
        import tensorflow as tf

        if self.memories is None:
            return grads
        grads = [
            tf.zeros(v.shape, v.dtype) if g is None else tf.convert_to_tensor(g)
            for g, v in zip(grads, variables, strict=True)
        ]
        flat = tf.concat([tf.reshape(tf.cast(g, "float32"), (-1,)) for g in grads], axis=0)

        def turned():
            options = [tf.constant(self.margin), tf.constant(self.damping)]
            found = tf.numpy_function(
                project_gradient, [flat, self.memories.gradients(variables), *options], "float32"
            )
            return tf.ensure_shape(found, flat.shape)

        flat = tf.cond(self.memories.tasks > 0, turned, lambda: flat)
        parts = tf.split(flat, [int(np.prod(v.shape)) for v in variables])
        return [tf.cast(tf.reshape(p, v.shape), v.dtype) for p, v in zip(parts, variables, strict=True)]


class EpisodicMemories:
    """Samples of each task in variables of fixed shape, and the gradients of their losses.

    Args:
        model: A compiled model.
        tasks: How many tasks there is room for.
        each: Samples a task.
        part: A part, whose samples have the shapes of all.
    """

    def __init__(self, model, tasks, each, part):
        import tensorflow as tf

        self.model, self.loss, self.each = model, keras.losses.get(model.loss), each
        given = model_inputs(model, part.inputs())

        def room(array):
            return tf.Variable(tf.zeros((tasks, each, *array.shape[1:]), array.dtype), trainable=False)

        self.inputs, self.labels = keras.tree.map_structure(room, given), room(part.labels)
        self.counts = tf.Variable(tf.zeros(tasks, "int32"), trainable=False)
        self.tasks = tf.Variable(0, trainable=False)

    def add(self, part):
        """Keeps the samples of another task."""
        place, count = int(self.tasks), len(part)
        given = model_inputs(self.model, part.inputs())

        def keep(variable, array):
            variable[place, :count].assign(array)

        keras.tree.map_structure(keep, self.inputs, given)
        keep(self.labels, part.labels)
        self.counts[place].assign(count)
        self.tasks.assign(place + 1)

    def gradients(self, variables):
        """`(tasks, weights)`, of the mean losses of the memories of each task."""
        import tensorflow as tf

        weights = [v.value for v in variables]

        def of_task(place):
            count = self.counts[place]
            x = keras.tree.map_structure(lambda v: v[place, :count], self.inputs)
            with tf.GradientTape() as tape:
                values = getattr(self.loss, "call", self.loss)(
                    self.labels[place, :count], self.model(x, training=True)
                )
                loss = tf.reduce_mean(tf.cast(values, "float32"))
            found = tape.gradient(loss, weights, unconnected_gradients="zero")
            return tf.concat([tf.reshape(tf.cast(g, "float32"), (-1,)) for g in found], axis=0)

        return tf.map_fn(of_task, tf.range(self.tasks), fn_output_signature=tf.float32)
