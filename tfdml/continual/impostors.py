"""The impostor network in tasks: every sample becomes a center, and none leaves."""

import contextlib
import warnings

import numpy as np

from tfdml.callbacks.center_embedding import CenterEmbedding
from tfdml.checks import check_count, check_name
from tfdml.continual.strategy import Strategy
from tfdml.layers.classifier_parts import only_classifier

BATCH = 512  # samples that are embedded at a time


class Impostors(Strategy):
    """Stores all samples of each task as centers of the model's `NNGKClassifier`, and drops none.

    This is the network of algorithm 1 without its steps of adding and dropping. Tied centers of the task are
    embedded anew every so many epochs, loose ones are stored once and trained; centers of old tasks, whose
    samples are gone, stay what they are but for what training loose ones does.

    Args:
        keep: `"all"`: centers of all tasks; `"task"`: those of the task alone, as if it were a training of
            its own. Defaults to `"all"`.
        every: Integer from 1: epochs from one refresh of tied centers to the next. Defaults to `1`.
        train: Whether the network is trained, or centers are all that is learned. Defaults to `True`.

    Example:

    ```python
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 4
    x = rng.normal(size=(80, 8)) + 4 * np.eye(8)[labels]
    scenario = tfdml.continual.split_classes((x, labels), tasks=2)
    image, index = keras.Input((8,), name="image"), keras.Input((), dtype="int64", name="index")
    embedding = keras.layers.Dense(8)(image)
    classifier = tfdml.layers.NNGKClassifier(num_classes=4, capacity=scenario.capacity, neighbors=8)
    model = keras.Model({"image": image, "index": index}, classifier(embedding, index=index))
    model.compile("adam", loss="sparse_categorical_crossentropy")
    classify = keras.Model(image, classifier(embedding))
    strategy = tfdml.continual.Impostors()
    result = tfdml.continual.run(scenario, model, strategy, classify=classify, epochs=2)
    print(result.summary()["average"])
    ```

    Reference: Lebedev et al., Impostor Networks for Fast Fine-Grained Recognition, 2018; Meyer et al., Deep
        Metric Learning and Image Classification with Nearest Neighbour Gaussian Kernels, ICIP 2018.
    """

    def __init__(self, keep="all", every=1, train=True):
        super().__init__()
        self.trains = bool(train)
        self.keep, self.every = check_name("keep", keep, ("all", "task")), check_count("every", every)

    def start(self, model, scenario):
        super().start(model, scenario)
        self.layer = check_room(only_classifier(model), scenario)
        self.embed = CenterEmbedding(model, self.layer, [])  # traced once for all tasks
        self.tied = getattr(self.layer, "center_mode", "tied") == "tied"

    def begin_task(self, task):
        super().begin_task(task)
        self.embed.dataset = batches_of(task.train)
        self.store(first=True)

    def on_epoch_begin(self, epoch, logs=None):
        if self.tied and epoch and epoch % self.every == 0:
            self.store()

    def end_task(self, task):
        if self.tied:
            self.store()

    def store(self, first=False):
        """Embeds the samples of the task, and puts them beside the centers of others."""
        embeddings, labels, slots = self.embed()
        active = self.layer.array("active")
        if not self.tied:  # what was stored has been trained since
            new = ~active[slots]
            embeddings, labels, slots = embeddings[new], labels[new], slots[new]
        active[slots] = False
        if self.keep == "task" and first:
            active[:] = False
        old = np.flatnonzero(active)
        if not len(slots) + len(old):
            return
        stored, classes = self.layer.stored()[old], self._classes(old)
        if classes.ndim == 2:
            labels = np.eye(self.layer.num_classes, dtype="float32")[labels]
        with classes_to_come():
            self.layer.set_centers(
                np.concatenate([stored, embeddings]),
                np.concatenate([classes, labels]),
                np.concatenate([old, slots]),
            )

    def _classes(self, slots):
        return self.layer.array("targets" if self.layer.soft_targets else "labels")[slots]


@contextlib.contextmanager
def classes_to_come():
    """Without the warning that there are classes without a center: those of later tasks."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* has no center of", UserWarning)
        yield


def check_room(layer, scenario):
    """`layer`, if it has a slot for each training sample."""
    if layer.capacity < scenario.capacity:
        raise ValueError(
            f"Expected the classifier to have a capacity of {scenario.capacity} at least, the training "
            f"samples, received: {layer.capacity}"
        )
    return layer


def batches_of(part):
    """The samples of a part in the batches that callbacks of centers read."""
    inputs, starts = part.inputs(), range(0, len(part), BATCH)
    parts = [slice(start, start + BATCH) for start in starts]
    return [({name: x[rows] for name, x in inputs.items()}, part.labels[rows]) for rows in parts]
