"""Algorithm 1 of the review in tasks: some samples become centers, and some centers go."""

import numpy as np

from tfdml.callbacks import CenterRefresh, ContinualCenters
from tfdml.checks import check_count, check_number
from tfdml.continual.impostors import batches_of, check_room, classes_to_come
from tfdml.continual.strategy import Strategy
from tfdml.layers.classifier_parts import only_classifier


class GrowingImpostors(Strategy):
    """Gives a task a share of its samples as centers, and lets `ContinualCenters` drop and add on the way.

    When a task begins, those of its samples that are predicted worst become centers. Samples of classes that
    have no center yet are predicted equally badly: as many of each class are taken. Then the model is trained
    for `every` epochs; there is a turn, in which centers of all tasks may go, if their neighbours predict
    them well, and samples of the task come; and the remaining epochs fine-tune. Nothing of a task is kept but
    its centers.

    Args:
        first: Float above 0 and up to 1: the share of a task's samples that become centers at its beginning.
            Defaults to `0.5`.
        drop: Float of at least 0: centers that go in a turn, as a share of the task's samples. Defaults to
            `0.1`.
        add: Float of at least 0: samples that come in a turn, as a share. Defaults to `0.1`.
        every, fine_tune_epochs: Integers from 1 and from 0: as in `tfdml.callbacks.ContinualCenters`. Default
            to `5` and `5`.
        each: Whether every task has a share of its samples as centers at its beginning; or the first alone,
            as where a set drifts and what it had has centers already. Defaults to `True`.
        redistribute: Whether labels of neighbours make up for what goes and comes, for which the classifier
            needs `soft_targets=True`. Defaults to `True`.

    Example:

    ```python
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 4
    x = rng.normal(size=(80, 8)) + 4 * np.eye(8)[labels]
    scenario = tfdml.continual.split_classes((x, labels), tasks=2)
    image, index = keras.Input((8,), name="image"), keras.Input((), dtype="int64", name="index")
    embedding = keras.layers.Dense(8)(image)
    classifier = tfdml.layers.NNGKClassifier(4, scenario.capacity, neighbors=8, soft_targets=True)
    model = keras.Model({"image": image, "index": index}, classifier(embedding, index=index))
    model.compile("adam", loss="sparse_categorical_crossentropy")
    classify = keras.Model(image, classifier(embedding))
    strategy = tfdml.continual.GrowingImpostors(first=0.5, every=2, fine_tune_epochs=2)
    result = tfdml.continual.run(scenario, model, strategy, classify=classify, epochs=4)
    print(result.summary()["average"], strategy.centers)
    ```

    Reference: the review of nearest-neighbour Gaussian kernels, algorithm 1.
    """

    def __init__(
        self, first=0.5, drop=0.1, add=0.1, every=5, fine_tune_epochs=5, each=True, redistribute=True
    ):
        super().__init__()
        self.first = check_number("first", first, above=0)
        if self.first > 1:
            raise ValueError(f"Expected first to be up to 1, received: {first}")
        self.drop, self.add = check_number("drop", drop, minimum=0), check_number("add", add, minimum=0)
        self.every = check_count("every", every)
        self.fine_tune_epochs = check_count("fine_tune_epochs", fine_tune_epochs, least=0)
        self.each, self.redistribute, self.parts = bool(each), bool(redistribute), []

    def start(self, model, scenario):
        super().start(model, scenario)
        self.layer = check_room(only_classifier(model), scenario)

    @property
    def centers(self):
        """How many centers there are."""
        return int(self.layer.array("active").sum())

    def begin_task(self, task):
        super().begin_task(task)
        dataset = batches_of(in_turns(task.train))
        size = len(task.train)
        drop, add = round(self.drop * size), round(self.add * size)
        turns = {"layer": self.layer, "redistribute": self.redistribute}
        first = round(max(self.first * size, 1))
        if not task.number:  # nothing to judge by
            part = in_turns(task.train).subset(np.arange(first))
            start = CenterRefresh(batches_of(part), layer=self.layer)
            start.set_model(self.model)
            with classes_to_come():
                start.on_train_begin()
        elif self.each:
            begin = ContinualCenters(dataset, add=first, **turns)
            begin.set_model(self.model)
            begin.on_train_begin()
            begin.turn()
        refresh = CenterRefresh(dataset, layer=self.layer, only_stored=True)
        times = {"every": self.every, "fine_tune_epochs": self.fine_tune_epochs}
        self.parts = [refresh, ContinualCenters(dataset, drop, add, **times, **turns)]
        for part in self.parts:
            part.set_model(self.model)

    def on_train_begin(self, logs=None):
        for part in self.parts:
            part.on_train_begin(logs)

    def on_epoch_begin(self, epoch, logs=None):
        for part in self.parts:
            part.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        for part in self.parts:
            part.on_epoch_end(epoch, logs)

    def on_train_end(self, logs=None):
        for part in self.parts:
            part.on_train_end(logs)


def in_turns(part):
    """The samples of a part one class after the other, again and again: the first so many are of all."""
    order = np.argsort(part.labels, kind="stable")
    _, first, counts = np.unique(part.labels[order], return_index=True, return_counts=True)
    rank = np.arange(len(part)) - np.repeat(first, counts)
    return part.subset(order[np.argsort(rank, kind="stable")])
