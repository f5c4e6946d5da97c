import numpy as np
import pytest

from tfdml.data import from_arrays
from tfdml.data.folds import class_folds


@pytest.fixture
def pictures():
    labels = np.random.default_rng(0).permutation(np.repeat([0, 2, 3, 5, 6, 7, 9], 3))
    return from_arrays(np.arange(21, dtype="uint8").repeat(12).reshape(21, 2, 2, 3), labels)


def test_the_classes_are_cut_in_order(pictures):
    folds = class_folds(pictures, k=3)
    held = [sorted(set(fold.validation.labels.tolist())) for fold in folds]
    assert held == [[0, 2, 3], [5, 6], [7, 9]]


def test_each_image_is_in_one_part_of_a_fold_and_validated_on_once(pictures):
    folds = class_folds(pictures, k=3)
    assert len(folds) == 3
    for fold in folds:
        assert sorted([*fold.train.rows, *fold.validation.rows]) == list(range(21))
        assert not set(fold.train.labels) & set(fold.validation.labels)
        assert np.array_equal(fold.validation.images()[:, 0, 0, 0], fold.validation.rows)
    assert sorted(np.concatenate([fold.validation.rows for fold in folds])) == list(range(21))


def test_folds_have_places(pictures):
    folds = class_folds(pictures, k=7)
    assert set(folds[2].validation.labels) == {3} and set(folds[-1].validation.labels) == {9}
    with pytest.raises(IndexError):
        folds[7]
    with pytest.raises(TypeError):
        folds["first"]


def test_a_seed_shuffles_the_classes(pictures):
    def held(seed):
        return [fold.validation.rows.tolist() for fold in class_folds(pictures, k=3, seed=seed)]

    assert held(1) == held(1) != held(2)
    assert sorted(np.concatenate(held(1))) == list(range(21))


def test_says_what_it_is(pictures):
    assert repr(class_folds(pictures)) == "<ClassFolds of arrays: 4 folds>"


@pytest.mark.parametrize("k", [1, 8, 2.0, "4", True, None])
def test_refuses_folds_that_cannot_be(pictures, k):
    with pytest.raises(
        ValueError, match=r"k to be an integer from 2 to the number of classes \(7\), received"
    ):
        class_folds(pictures, k=k)
