import numpy as np
import pytest

from tfdml.data import Sample
from tfdml.data.ingestion.selection import select

CLASSES = {f"c{i}": f"class {i}" for i in range(10)}
SAMPLES = [Sample(f"c{i % 10}", f"{i}.png") for i in range(40)]
SPLITS = ["train" if i % 10 < 6 else "test" for i in range(40)]


def test_the_rows_of_a_split_are_together_and_in_the_order_of_the_set():
    found = select(CLASSES, SAMPLES, SPLITS)
    assert found.splits == ["train"] * 24 + ["test"] * 16
    assert found.ranges == {"train": (0, 24), "test": (24, 40)}
    numbers = [int(sample.source[:-4]) for sample in found.samples]
    assert numbers[:24] == sorted(numbers[:24]) and numbers[24:] == sorted(numbers[24:])
    assert [found.class_ids[label] for label in found.labels] == [s.class_id for s in found.samples]


def test_labels_follow_the_order_in_which_the_set_lists_its_classes():
    backwards = dict(reversed(CLASSES.items()))
    found = select(backwards, SAMPLES, SPLITS)
    assert found.class_ids == list(backwards) and found.class_names[0] == "class 9"


@pytest.mark.parametrize("number, train", [(10, 6), (5, 3), (2, 1)])
def test_drawn_classes_come_from_both_sides_in_proportion(number, train):
    found = select(CLASSES, SAMPLES, SPLITS, number)
    sides = [int(name[1:]) < 6 for name in found.class_ids]
    assert len(sides) == number and sum(sides) == train
    assert sorted(set(found.labels)) == list(range(number))
    assert all(s.class_id in found.class_ids for s in found.samples) and len(found.samples) == 4 * number


def test_the_seed_decides_which_classes_are_drawn():
    drawn = [tuple(select(CLASSES, SAMPLES, SPLITS, 4, seed).class_ids) for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1] and len(set(drawn)) > 1


def test_queries_and_gallery_follow_the_training_part():
    splits = ["gallery" if i % 2 else "train" if i < 20 else "query" for i in range(40)]
    assert list(select(CLASSES, SAMPLES, splits).ranges) == ["train", "query", "gallery"]


def test_without_some_pictures():
    found = select(CLASSES, SAMPLES, SPLITS)
    less = found.without({0: "torn", 39: "torn"})
    assert less.samples == found.samples[1:-1] and np.array_equal(less.labels, found.labels[1:-1])
    assert less.ranges == {"train": (0, 23), "test": (23, 38)} and less.class_ids == found.class_ids


@pytest.mark.parametrize("number", [0, 11])
def test_refuses_more_classes_than_there_are(number):
    with pytest.raises(ValueError, match=f"n to be from 1 to the 10 classes of the set, received: {number}"):
        select(CLASSES, SAMPLES, SPLITS, number)


def test_refuses_a_picture_of_no_class():
    with pytest.raises(ValueError, match=r"40\.png to be of a class .* received: 'c99'"):
        select(CLASSES, [*SAMPLES, Sample("c99", "40.png")], [*SPLITS, "train"])
