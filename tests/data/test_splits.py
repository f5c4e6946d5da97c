import numpy as np
import pytest

from tfdml.data import from_arrays, hold_out


def pictures(*counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    return from_arrays(np.zeros((len(labels), 2, 2, 3), "uint8"), labels)


def parts(splits):
    return [splits.train, splits.validation, splits.test]


@pytest.mark.parametrize("by", ["classes", "images"])
def test_every_image_is_in_one_part(by):
    rows = [set(part.rows) for part in parts(hold_out(pictures(*[5] * 30), by=by))]
    assert sum(map(len, rows)) == len(set.union(*rows)) == 150


def test_no_class_is_in_two_parts():
    classes = [set(part.labels) for part in parts(hold_out(pictures(*[5] * 30), test=0.5, validation=0.2))]
    assert [len(c) for c in classes] == [9, 6, 15]
    assert len(set.union(*classes)) == 30


def test_few_classes_give_images_of_each():
    splits = hold_out(pictures(10, 10, 10), test=0.3, validation=0.1)
    assert splits.by == "images"
    assert [np.bincount(part.labels).tolist() for part in parts(splits)] == [[6] * 3, [1] * 3, [3] * 3]


def test_a_class_of_one_image_is_trained_on():
    splits = hold_out(pictures(1, 2, 10), by="images")
    assert np.bincount(splits.train.labels)[0] == 1 and np.bincount(splits.test.labels)[1] == 1


def test_two_classes_remain_to_train_on():
    assert hold_out(pictures(5, 5, 5), test=0.9, validation=0.05, by="classes").train.num_classes == 2


def test_the_seed_decides():
    first, again, other = (hold_out(pictures(*[5] * 30), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.test.rows, again.test.rows)
    assert not np.array_equal(first.test.rows, other.test.rows)


@pytest.mark.parametrize("options", [{"test": 0}, {"validation": -0.1}, {"test": 0.6, "validation": 0.4}])
def test_refuses_shares_that_leave_nothing(options):
    with pytest.raises(ValueError, match="both together below 1"):
        hold_out(pictures(5, 5), **options)


def test_refuses_another_way():
    with pytest.raises(ValueError, match="by to be one of 'auto', 'classes', 'images', received: 'people'"):
        hold_out(pictures(5, 5), by="people")
