"""A small scenario, and a network for it."""

import keras
import numpy as np

from tfdml.continual import TaskSoftmax, split_classes


def blobs(classes=4, each=30, dim=6, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(classes * each) % classes
    return (rng.normal(size=(len(labels), dim)) + 4 * np.eye(dim)[labels]).astype("float32"), labels


def scenario(tasks=2, mode="class", **options):
    return split_classes(blobs(**options), tasks, mode, test=0.3, validation=0.1)


def network(of, optimizer=None, hidden=8, seed=0, **compiled):
    """A compiled model, which takes the task too where that is known; and the layers' embedding."""
    keras.utils.set_random_seed(seed)
    dim = of.tasks[0].train.x.shape[1]
    image = keras.Input((dim,), name="image")
    embedding = keras.layers.Dense(hidden, activation="relu", name="hidden")(image)
    scores, inputs = keras.layers.Dense(of.num_classes, name="scores")(embedding), image
    if of.mode == "task":
        task = keras.Input((), dtype="int32", name="task")
        scores, inputs = TaskSoftmax(of.task_classes, None)(scores, task), {"image": image, "task": task}
    model = keras.Model(inputs, scores)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer or keras.optimizers.Adam(0.02), loss, **compiled)
    return model, keras.Model(image, embedding)
