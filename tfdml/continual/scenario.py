"""A sequence of tasks, as data."""

from dataclasses import dataclass

import numpy as np

from tfdml.continual.part import Part


@dataclass(frozen=True)
class Task:
    """What is learned at one time.

    Attributes:
        number: Its place among the tasks, from 0.
        name: What it is called.
        classes: Its classes, sorted integers.
        train, test: A `Part` each.
        validation: A `Part`, or `None`.
    """

    number: int
    name: str
    classes: np.ndarray
    train: Part
    test: Part
    validation: Part | None = None


@dataclass(frozen=True)
class Scenario:
    """Tasks that come one after the other: plain data, which knows nothing of models.

    Attributes:
        tasks: A list of `Task`.
        num_classes: Classes of all tasks together; labels go from 0 to one less.
        mode: `"class"`: a sample is to be told from all classes; `"task"`: its task is known, and it is told
            from the classes of that alone.
        capacity: Slots of training samples: more than any `index` of them.

    Example:

    >>> x, labels = np.random.default_rng(0).normal(size=(40, 4)), np.arange(40) % 4
    >>> scenario = tfdml.continual.split_classes((x, labels), tasks=2)
    >>> [task.classes.tolist() for task in scenario.tasks]
    [[0, 1], [2, 3]]
    >>> scenario.task_classes.tolist()
    [[True, True, False, False], [False, False, True, True]]
    """

    tasks: list
    num_classes: int
    mode: str
    capacity: int

    def __len__(self):
        return len(self.tasks)

    @property
    def task_classes(self):
        """Which classes belong to which task: booleans `(tasks, classes)`, for `TaskSoftmax`."""
        mask = np.zeros((len(self.tasks), self.num_classes), bool)
        for task in self.tasks:
            mask[task.number, task.classes] = True
        return mask
