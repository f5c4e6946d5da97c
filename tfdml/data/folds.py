"""Cross-validation whose parts share no class."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfdml.data.image_set import ImageSet


@dataclass(frozen=True)
class Fold:
    """The two parts of a fold.

    Attributes:
        train: `ImageSet` to train on.
        validation: `ImageSet` of the classes that are held out.
    """

    train: ImageSet
    validation: ImageSet


class ClassFolds(Sequence):
    """The folds of a class-disjoint cross-validation, from `class_folds`.

    Attributes:
        image_set: The whole `ImageSet`.
        partitions: Classes that each fold holds out, a list of integer arrays.
    """

    def __init__(self, image_set, partitions):
        self.image_set, self.partitions = image_set, partitions

    def __len__(self):
        return len(self.partitions)

    def __getitem__(self, place):
        held = np.isin(self.image_set.labels, self.partitions[operator.index(place)])
        parts = (self.image_set.subset(np.flatnonzero(rows)) for rows in (~held, held))
        return Fold(*parts)

    def __repr__(self):
        return f"<ClassFolds of {self.image_set.name}: {len(self)} folds>"


def class_folds(image_set, k=4, *, seed=None):
    """Cross-validation on unseen classes: each fold trains without the classes that it validates on.

    The classes are cut in order into `k` parts of equal size, give or take one class. Fold `i` validates
    on the images of part `i` and trains on all others. Hyper-parameters are chosen by the mean over the
    folds, and classes that are kept for the test are no part of `image_set`.

    Args:
        image_set: An `ImageSet`.
        k: Number of folds, from 2 to the number of classes. Defaults to `4`.
        seed: Integer that decides a random order of the classes. Defaults to `None`: the order of the set.

    Returns:
        A sequence of `k` folds with `train` and `validation`, both `ImageSet`.

    Example:

    >>> emoji = tfdml.data.load("emoji", split="trainval")
    >>> for fold in tfdml.data.class_folds(emoji, k=4):
    ...     print(fold.train.num_classes, fold.validation.num_classes)
    401 134
    401 134
    401 134
    402 133

    Reference: Musgrave, Belongie and Lim, "A Metric Learning Reality Check", ECCV 2020.
    """
    classes = np.unique(image_set.labels)
    whole = isinstance(k, int | np.integer) and not isinstance(k, bool)
    if not (whole and 2 <= k <= len(classes)):
        raise ValueError(
            f"Expected k to be an integer from 2 to the number of classes ({len(classes)}), received: {k!r}"
        )
    if seed is not None:
        classes = np.random.default_rng(seed).permutation(classes)
    return ClassFolds(image_set, np.array_split(classes, k))
