"""A softmax over the classes of the task that a sample is of."""

import keras
import numpy as np
from keras import ops

from tfdml.ops import at_least_float32

FAR = -1e9  # a logit whose exponential is zero beside any other


@keras.saving.register_keras_serializable(package="tfdml")
class TaskSoftmax(keras.layers.Layer):
    """Probabilities of the classes of a sample's task; those of other tasks are exactly zero.

    So one dense layer is a head for each task, and the weights of other heads have no gradient.

    Args:
        task_classes: Booleans `(tasks, classes)`: which classes are of which task, each task with one at
            least, such as `Scenario.task_classes`.
        activation: `"softmax"`; or `None`: the logits, -1e9 for the classes of other tasks, for a
            cross-entropy with `from_logits=True`. Defaults to `"softmax"`.

    Call arguments:
        inputs: Logits `(batch, classes)`.
        task: Integers `(batch,)`: the task of each sample.

    Output shape: `(batch, classes)`, float32 at least.

    Example:

    ```python
    image, task = keras.Input((8,), name="image"), keras.Input((), dtype="int32", name="task")
    of_task = tfdml.continual.TaskSoftmax([[True, True, False], [False, False, True]])
    probabilities = of_task(keras.layers.Dense(3)(image), task)
    model = keras.Model({"image": image, "task": task}, probabilities)
    print(model.predict({"image": np.ones((1, 8)), "task": np.array([1])}, verbose=0))
    ```

    Reference: the multi-head setting of Zenke et al., Continual Learning Through Synaptic Intelligence, ICML
        2017.
    """

    def __init__(self, task_classes, activation="softmax", **kwargs):
        super().__init__(autocast=False, **kwargs)
        mask = np.asarray(task_classes, bool)
        if mask.ndim != 2 or not mask.any(axis=1).all():
            raise ValueError(
                "Expected task_classes to be booleans (tasks, classes), each task with a class at least, "
                f"received: {task_classes}"
            )
        if activation not in ("softmax", None):
            raise ValueError(f"Expected activation to be 'softmax' or None, received: {activation!r}")
        self.mask, self.activation = mask, activation

    def call(self, inputs, task):
        logits = at_least_float32(inputs)
        task = ops.reshape(ops.cast(task, "int32"), (-1,))
        of_task = ops.take(ops.convert_to_tensor(self.mask), task, axis=0)
        logits = ops.where(of_task, logits, FAR)
        if self.activation is None:
            return logits
        return ops.where(of_task, ops.softmax(logits), 0)

    def compute_output_shape(self, inputs_shape, task_shape=None):
        return inputs_shape

    def get_config(self):
        return {
            **super().get_config(),
            "task_classes": self.mask.tolist(),
            "activation": self.activation,
        }
