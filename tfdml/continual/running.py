"""A model goes through the tasks of a scenario, with plain `fit`."""

import keras
import numpy as np

from tfdml import metrics
from tfdml.checks import check_count
from tfdml.continual.part import joined
from tfdml.continual.result import Result
from tfdml.continual.strategy import FineTuning, Strategy
from tfdml.metrics.embedding import model_inputs


def run(
    scenario,
    model,
    strategy=None,
    *,
    epochs=1,
    batch_size=32,
    classify=None,
    embed=None,
    callbacks=(),
    seed=0,
    verbose=0,
):
    """Fits a model to one task after the other, and tests it on all of them after each.

    The model takes what it has inputs for, by name: `image`, and if it has them `index`, the slot of a sample
    among all training samples, and `task`, its number, which only scenarios of the mode `"task"` should have.
    In this mode the answer is the best of the classes of the task.

    Random numbers are seeded before each task: two runs with the same seed are the same.

    Args:
        scenario: A `Scenario`.
        model: A compiled Keras model from samples to scores of all classes of the scenario.
        strategy: A `Strategy`. Defaults to `None`: `FineTuning`.
        epochs: Integer from 1: epochs a task. Defaults to `1`.
        batch_size: Integer from 1. Defaults to `32`.
        classify: A model that gives the scores when it is tested, where it is another, sharing the layers.
            Defaults to `None`: `model`.
        embed: A model that gives embeddings, to measure how retrieval forgets. Defaults to `None`.
        callbacks: Further callbacks of `fit`; or a function that is given a `Task`, and returns them.
        seed: Integer. Defaults to `0`.
        verbose: As in `fit`. Defaults to `0`.

    Returns:
        A `Result`.

    Example:

    ```python
    rng = np.random.default_rng(0)
    labels = np.arange(240) % 4
    x = rng.normal(size=(240, 8)) + 3 * np.eye(8)[labels]
    scenario = tfdml.continual.split_classes((x, labels), tasks=2)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    result = tfdml.continual.run(scenario, model, tfdml.continual.Replay(20), epochs=2)
    print(result.summary()["average"], result.memory)
    ```
    """
    check_count("epochs", epochs)
    strategy = FineTuning() if strategy is None else strategy
    if not isinstance(strategy, Strategy):
        raise ValueError(f"Expected strategy to be a Strategy, received: {strategy!r}")
    tests = Tests(scenario, classify or model, embed, batch_size)
    result = Result(np.zeros((len(scenario),) * 2), tests.accuracies())
    result.recall = None if embed is None else np.zeros_like(result.accuracy)
    strategy.start(model, scenario)
    try:
        for task in scenario.tasks:
            keras.utils.set_random_seed(seed + task.number)
            result.losses += learn(task, model, strategy, epochs, batch_size, callbacks, verbose)
            result.accuracy[task.number] = tests.accuracies()
            if embed is not None:
                result.recall[task.number] = tests.recalls()
    finally:  # the model is its owner's, whoever interrupts
        strategy.finish()
    result.memory = int(strategy.nbytes)
    result.model = sum(
        int(np.prod(v.shape)) * np.dtype(_numpy_dtype(v.dtype)).itemsize
        for v in (classify or model).variables
    )
    result.validation = tests.validation()
    return result


def learn(task, model, strategy, epochs, batch_size, callbacks, verbose):
    """Fits a model to a task: the losses of its epochs in a list, which is empty without training."""
    strategy.begin_task(task)
    losses = []
    if strategy.trains:
        part = strategy.training_part(task)
        more = callbacks(task) if callable(callbacks) else callbacks
        history = model.fit(
            model_inputs(model, part.inputs()),
            part.labels,
            batch_size=batch_size,
            epochs=epochs,
            callbacks=[strategy, *more],
            verbose=verbose,
        ).history
        losses.append([float(loss) for loss in history["loss"]])
    strategy.end_task(task)
    return losses


class Tests:
    """What the test samples of a scenario say of a model.

    Args:
        scenario, classify, embed, batch_size: As in `run`.
    """

    def __init__(self, scenario, classify, embed, batch_size):
        self.scenario, self.classify, self.embed = scenario, classify, embed
        self.batch_size = max(batch_size, 256)
        self.test = joined(task.test for task in scenario.tasks)
        self.of = np.concatenate([np.full(len(task.test), task.number) for task in scenario.tasks])
        held = [task.validation for task in scenario.tasks]
        self.held = None if any(part is None for part in held) else joined(held)
        # A sample that is in several tasks is in the gallery once.
        train = joined(task.train for task in scenario.tasks) if embed is not None else None
        self.gallery = train and train.subset(np.unique(train.index, return_index=True)[1])

    def accuracies(self):
        """Accuracy on the test samples of each task, `(tasks,)`."""
        return self._by_task(self._right(self.test))

    def validation(self):
        """The mean over tasks of the accuracy on validation samples, or `None`."""
        if self.held is None:
            return None
        right, of = self._right(self.held), self.held.task
        return float(np.mean([right[of == task].mean() for task in range(len(self.scenario))]))

    def recalls(self):
        """Recall@1 of the test samples of each task among all training samples, `(tasks,)`."""
        queries, gallery = (self._predict(self.embed, part) for part in (self.test, self.gallery))
        found = metrics.retrieval_per_query(
            queries, self.test.labels, gallery, self.gallery.labels, recall_at=(1,)
        )
        return self._by_task(found["recall@1"])

    def _right(self, part):
        scores = self._predict(self.classify, part)
        if self.scenario.mode == "task":
            scores = np.where(self.scenario.task_classes[part.task], scores, -np.inf)
        return scores.argmax(axis=1) == part.labels

    def _predict(self, model, part):
        given = model_inputs(model, part.inputs())
        return model.predict(given, batch_size=self.batch_size, verbose=0)

    def _by_task(self, values):
        return np.array([values[self.of == task].mean() for task in range(len(self.scenario))])


def _numpy_dtype(dtype):
    return "float16" if dtype == "bfloat16" else dtype
