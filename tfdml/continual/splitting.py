"""Scenarios whose tasks have classes of their own."""

from dataclasses import replace

import numpy as np

from tfdml.checks import check_count, check_name
from tfdml.continual.part import Part
from tfdml.continual.scenario import Scenario, Task
from tfdml.data import hold_out

MODES = ("class", "task")


def split_classes(
    samples, tasks=5, mode="class", *, test=0.3, validation=0.0, groups=None, order=None, seed=0
):
    """Tasks that each bring classes of their own: class-incremental or task-incremental.

    Labels are numbered from 0 over all classes, in their order, whatever the order of the tasks.

    Args:
        samples: An `ImageSet`, or `(x, labels)` with pictures or precomputed features.
        tasks: Integer from 1: the classes are shared out among so many tasks, whose numbers of classes differ
            by one at most; or a list of how many classes each has. With `groups`, how many of them, or `None`
            for all. Defaults to `5`.
        mode: `"class"`: a sample is told from all classes that were seen; `"task"`: its task is known, and it
            is told from the classes of that alone. Defaults to `"class"`.
        test: Share of the samples of every class to test on, above 0; or samples with the same classes, in
            either form. Defaults to `0.3`.
        validation: Share of the rest for validation, or samples. Defaults to `0.0`: none.
        groups: A name for each class, `(classes,)`: classes with the same name are one task, such as the
            characters of an alphabet. Defaults to `None`.
        order: `None`: the order of classes, or that in which groups appear; an integer: at random, with that
            seed; or the classes, or the names of groups, in the order they come in. Defaults to `None`.
        seed: Integer, which draws the samples that are held out. Defaults to `0`.

    Returns:
        A `Scenario`.

    Example:

    >>> emoji = tfdml.data.load("emoji", split="validation")
    >>> scenario = tfdml.continual.split_classes(emoji, tasks=4, order=0)
    >>> len(scenario), sum(len(task.classes) for task in scenario.tasks) == emoji.num_classes
    (4, True)
    """
    check_name("mode", mode, MODES)
    whole = Part.of(samples)
    names, labels = np.unique(whole.labels, return_inverse=True)
    parts = _parts(replace(whole, labels=labels), names, test, validation, seed)
    shares = _shares(len(names), tasks, groups, order)
    made = [
        Task(number, name, classes, *(of_classes(part, classes, number) for part in parts))
        for number, (name, classes) in enumerate(shares)
    ]
    return Scenario(made, len(names), mode, int(parts[0].index.max()) + 1)


def of_classes(part, classes, number):
    """The samples of some classes, as those of a task."""
    if part is None:
        return None
    chosen = part.subset(np.flatnonzero(np.isin(part.labels, classes)))
    return replace(chosen, task=np.full(len(chosen), number))


def _parts(whole, names, test, validation, seed):
    """Training, test and validation samples, or `None` in place of the last."""
    held = {}
    for name, value in (("test", test), ("validation", validation)):
        if isinstance(value, int | float):
            held[name] = value
            continue
        part = Part.of(value)
        if not np.isin(part.labels, names).all():
            raise ValueError(f"Expected {name} to have the classes of samples, received: others beside them")
        held[name] = replace(part, labels=np.searchsorted(names, part.labels))
    shares = {name: value for name, value in held.items() if not isinstance(value, Part)}
    train = whole
    if "test" in shares:
        split = hold_out(train, test, shares.get("validation", 0.0), "images", seed)
        train, held["test"] = split.train, split.test
        if "validation" in shares:
            held["validation"] = split.validation
    elif shares.get("validation"):
        split = hold_out(train, validation, 0.0, "images", seed)
        train, held["validation"] = split.train, split.test
    kept = held["validation"] if isinstance(held["validation"], Part) and len(held["validation"]) else None
    return replace(train, index=np.arange(len(train))), held["test"], kept


def _shares(num_classes, tasks, groups, order):
    """Name and classes of each task."""
    if groups is not None:
        groups = np.asarray(groups)
        if groups.shape != (num_classes,):
            raise ValueError(f"Expected groups to name {num_classes} classes, received: {groups.shape}")
        units = list(dict.fromkeys(groups.tolist()))
        count = len(units) if tasks is None else check_count("tasks", tasks)
        if count > len(units):
            raise ValueError(f"Expected tasks to be at most {len(units)}, the groups, received: {tasks}")
        units = _ordered(units, order)[:count]
        return [(str(unit), np.flatnonzero(groups == unit)) for unit in units]
    classes = np.array(_ordered(list(range(num_classes)), order))
    if isinstance(tasks, list | tuple):
        sizes = [check_count("tasks", size) for size in tasks]
        if sum(sizes) > num_classes:
            raise ValueError(f"Expected tasks to have {num_classes} classes at most, received: {sum(sizes)}")
        shares = np.split(classes[: sum(sizes)], np.cumsum(sizes)[:-1])
    else:
        if check_count("tasks", tasks) > num_classes:
            raise ValueError(f"Expected tasks to be at most {num_classes}, the classes, received: {tasks}")
        shares = np.array_split(classes, tasks)
    return [(f"task {n}", np.sort(share)) for n, share in enumerate(shares)]


def _ordered(units, order):
    if order is None:
        return units
    if isinstance(order, int | np.integer):
        return [units[place] for place in np.random.default_rng(order).permutation(len(units))]
    order = list(order)
    if sorted(order, key=str) != sorted(units, key=str):
        raise ValueError(f"Expected order to have each of {len(units)} once, received: {order}")
    return order
