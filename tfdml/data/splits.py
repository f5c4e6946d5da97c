"""Holding images out: whole classes where there are enough of them, else images of every class."""

from dataclasses import dataclass

import numpy as np

from tfdml.data.image_set import ImageSet

ENOUGH_CLASSES = 20
WAYS = ("auto", "classes", "images")


@dataclass(frozen=True)
class Splits:
    """The parts of an image set, as `tfdml.data.hold_out` makes them.

    Attributes:
        train, validation, test: An `ImageSet` each.
        by: What was held out of the first: `"classes"` or `"images"`.
        gallery: What the test images are searched among, where a set has a gallery of its own. Defaults to
            `None`.

    Example:

    >>> splits = tfdml.data.hold_out(tfdml.data.load("emoji"), test=0.2, validation=0.2)
    >>> sum(map(len, (splits.train, splits.validation, splits.test))) == len(tfdml.data.load("emoji"))
    True
    """

    train: ImageSet
    validation: ImageSet
    test: ImageSet
    by: str
    gallery: ImageSet | None = None


def hold_out(image_set, test=0.3, validation=0.1, by="auto", seed=0):
    """Splits an image set into a part to train on, one to validate on and one to test on.

    Args:
        image_set: An `ImageSet` of two classes or more.
        test: Share to test on, above 0. Defaults to `0.3`.
        validation: Share to validate on, 0 or more; together with `test` below 1. Defaults to `0.1`.
        by: `"classes"` holds out whole classes, so that the test tells how the embedding does on classes
            it never saw; `"images"` holds out images of every class with two or more; `"auto"` takes
            classes where there are 20 or more. Defaults to `"auto"`.
        seed: Integer. Defaults to `0`.

    Returns:
        `Splits` with `train`, `validation`, `test` and `by` (`"classes"` or `"images"`).

    Example:

    >>> splits = tfdml.data.hold_out(tfdml.data.load("emoji", split="all"), test=0.5)
    >>> splits.by, set(splits.train.labels) & set(splits.test.labels)
    ('classes', set())
    """
    if by not in WAYS:
        raise ValueError(f"Expected by to be one of {', '.join(map(repr, WAYS))}, received: {by!r}")
    if not (test > 0 and validation >= 0 and test + validation < 1):
        raise ValueError(
            "Expected test above 0, validation 0 or more and both together below 1, "
            f"received: test={test}, validation={validation}"
        )
    if by == "auto":
        by = "classes" if image_set.num_classes >= ENOUGH_CLASSES else "images"
    rng = np.random.default_rng(seed)
    parts = (_classes if by == "classes" else _images)(image_set.labels, test, validation, rng)
    return Splits(*(image_set.subset(np.flatnonzero(parts == part)) for part in range(3)), by)


def _classes(labels, test, validation, rng):
    """Part (0 train, 1 validation, 2 test) of each image, whole classes at once."""
    classes = np.unique(labels)
    part = _shares(len(classes), test, validation, rng, keep=2)
    return part[np.searchsorted(classes, labels)]


def _images(labels, test, validation, rng):
    """Part of each image, class by class; one image of each class at least is trained on."""
    parts = np.zeros(len(labels), int)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        parts[members] = _shares(len(members), test, validation, rng, keep=1)
    return parts


def _shares(count, test, validation, rng, keep):
    """Parts of `count` things in random order: one at least is tested on, if `keep` remain to train on."""
    tested = min(max(1, round(count * test)), max(count - keep, 0))
    validated = min(round(count * validation), max(count - keep - tested, 0))
    parts = np.zeros(count, int)
    parts[:tested], parts[tested : tested + validated] = 2, 1
    return rng.permutation(parts)
