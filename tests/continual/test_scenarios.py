"""Scenarios: which samples come when."""

from itertools import pairwise

import numpy as np
import pytest

from tfdml import data
from tfdml.continual import Part, drift, joined, split_classes


def arrays(classes=6, each=10):
    labels = np.repeat(np.arange(classes), each) * 3 + 5  # any integers
    return np.arange(len(labels) * 2.0).reshape(-1, 2), labels


def sides(scenario):
    return {
        name: joined(getattr(task, name) for task in scenario.tasks)
        for name in ("train", "validation", "test")
    }


def test_every_sample_is_in_one_part_of_one_task():
    x, labels = arrays()
    scenario = split_classes((x, labels), tasks=4, test=0.3, validation=0.2)
    parts = sides(scenario)
    rows = np.concatenate([part.x[:, 0] for part in parts.values()])
    assert sorted(rows) == x[:, 0].tolist()
    assert [len(task.classes) for task in scenario.tasks] == [2, 2, 1, 1]
    for task in scenario.tasks:
        for part in (task.train, task.validation, task.test):
            assert set(part.labels) == set(task.classes) and set(part.task) == {task.number}
    for part in parts.values():  # labels are numbered, and go with their samples
        assert (labels[(part.x[:, 0] / 2).astype(int)] == part.labels * 3 + 5).all()
    assert sorted(parts["train"].index) == list(range(scenario.capacity))
    assert len(parts["test"]) == 18 and len(parts["validation"]) == 12


def test_the_seed_draws_what_is_held_out_and_the_order_the_classes():
    first, again, other = (split_classes(arrays(), 3, order=0, seed=seed) for seed in (0, 0, 1))
    assert all(
        (a.train.x == b.train.x).all() and (a.classes == b.classes).all()
        for a, b in zip(first.tasks, again.tasks, strict=True)
    )
    assert any((a.train.x != b.train.x).any() for a, b in zip(first.tasks, other.tasks, strict=True))
    assert [t.classes.tolist() for t in first.tasks] == [t.classes.tolist() for t in other.tasks]
    assert [t.classes.tolist() for t in split_classes(arrays(), 3).tasks] == [[0, 1], [2, 3], [4, 5]]
    given = split_classes(arrays(), 3, order=[5, 0, 1, 4, 3, 2])
    assert [t.classes.tolist() for t in given.tasks] == [[0, 5], [1, 4], [2, 3]]


def test_groups_are_tasks():
    groups = ["Greek", "Greek", "Korean", "Latin", "Korean", "Latin"]
    scenario = split_classes(arrays(), None, groups=groups, order=["Latin", "Greek", "Korean"])
    found = [(task.name, task.classes.tolist()) for task in scenario.tasks]
    assert found == [("Latin", [3, 5]), ("Greek", [0, 1]), ("Korean", [2, 4])]
    assert len(split_classes(arrays(), 2, groups=groups)) == 2


def test_tasks_of_given_sizes_and_which_classes_are_whose():
    scenario = split_classes(arrays(), [3, 1, 1], "task")
    assert scenario.task_classes.sum(axis=1).tolist() == [3, 1, 1] and scenario.num_classes == 6
    assert scenario.task_classes.sum(axis=0).tolist() == [1, 1, 1, 1, 1, 0]


def test_test_samples_may_be_given():
    x, labels = arrays()
    test = x[::5] + 0.5, labels[::5]
    scenario = split_classes((x, labels), 2, test=test, validation=0.1)
    parts = sides(scenario)
    assert sorted(parts["test"].x[:, 0]) == sorted(test[0][:, 0])
    assert len(parts["train"]) + len(parts["validation"]) == 60 and len(parts["validation"]) == 6


def test_image_sets_stay_image_sets():
    pictures = np.random.default_rng(0).integers(0, 256, (24, 4, 4, 3), "uint8")
    images = data.from_arrays(pictures, np.arange(24) % 4)
    task = split_classes(images, 2, test=0.25).tasks[1]
    assert isinstance(task.train.x, data.ImageSet) and set(task.train.labels) == {2, 3}
    given = task.train.inputs()
    assert given["image"].dtype == "float32" and given["image"].shape == (len(task.train), 4, 4, 3)
    assert task.train.nbytes == len(task.train) * (48 + 8)
    assert joined([task.train, task.test]).x.shape == (12, 4, 4, 3)


@pytest.mark.parametrize("unit", ["samples", "classes"])
def test_a_share_of_a_drifting_set_is_exchanged(unit):
    x, labels = arrays(classes=10, each=20)
    scenario = drift((x, labels), stages=6, share=0.4, unit=unit, size=0.5, test=0.5)
    sets = [set(task.train.index.tolist()) for task in scenario.tasks]
    assert [len(s) for s in sets] == [50] * 6
    assert [len(b - a) for a, b in pairwise(sets)] == [20] * 5
    tests = [len(task.test) for task in scenario.tasks]
    assert tests == ([100] * 6 if unit == "samples" else [50] * 6)
    if unit == "classes":
        assert all(set(t.train.labels) == set(t.classes) == set(t.test.labels) for t in scenario.tasks)
    # What has waited longest comes first: after three stages all was there.
    assert len(set().union(*sets[:4])) == 100
    same = drift((x, labels), stages=6, share=0.4, unit=unit, size=0.5, test=0.5)
    assert [set(task.train.index.tolist()) for task in same.tasks] == sets
    still = drift((x, labels), stages=2, share=0, unit=unit)
    assert (still.tasks[0].train.index == still.tasks[1].train.index).all()


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda s: split_classes(s, 7), "tasks to be at most 6"),
        (lambda s: split_classes(s, [4, 4]), "tasks to have 6 classes at most, received: 8"),
        (lambda s: split_classes(s, mode="domain"), "mode to be one of 'class', 'task'"),
        (lambda s: split_classes(s, groups=["a"]), "groups to name 6 classes"),
        (lambda s: split_classes(s, 2, groups=["a"] * 6), "tasks to be at most 1, the groups"),
        (lambda s: split_classes(s, 2, order=[0, 1]), "order to have each of 6 once"),
        (lambda s: split_classes(s, test=(s[0], s[1] + 1)), "test to have the classes of samples"),
        (lambda s: split_classes(s[0][0]), "labels to be 1 integers"),
        (lambda s: Part.of(s[0]), "samples to be an ImageSet or"),
        (lambda s: Part.of((s[0], s[1] + 0.5)), "labels to be 60 integers"),
        (lambda s: drift(s, share=1.5), "share up to 1"),
        (lambda s: drift(s, unit="pixels"), "unit to be one of"),
    ],
)
def test_bad_arguments_are_named(make, said):
    with pytest.raises(ValueError, match=f"Expected {said}"):
        make(arrays())
