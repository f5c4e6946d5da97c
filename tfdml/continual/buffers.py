"""Buffers that keep some of the samples of a stream."""

import numpy as np

from tfdml.checks import check_count
from tfdml.continual.part import joined


class Reservoir:
    """Keeps each sample of a stream with the same probability, however long the stream is.

    Args:
        capacity: Integer from 1: samples that are kept.
        seed: Integer. Defaults to `0`.

    Example:

    >>> buffer = tfdml.continual.Reservoir(10)
    >>> buffer.add(tfdml.continual.Part.of((np.zeros((50, 2)), np.arange(50))))
    >>> len(buffer.part)
    10

    Reference: Vitter, Random Sampling with a Reservoir, 1985 (algorithm R).
    """

    def __init__(self, capacity, seed=0):
        self.capacity = check_count("capacity", capacity)
        self.rng, self.seen, self.part = np.random.default_rng(seed), 0, None

    def add(self, part):
        """Goes on with the stream."""
        before = 0 if self.part is None else len(self.part)
        numbers = self.seen + np.arange(len(part))
        # The n-th sample, from 0, takes one of n + 1 places, if that exists; of two the later one stays.
        places = np.where(numbers < self.capacity, numbers, self.rng.integers(0, numbers + 1))
        chosen = np.arange(min(self.capacity, self.seen + len(part)))
        chosen[before:] = -1
        kept = places < self.capacity
        chosen[places[kept]] = before + np.flatnonzero(kept)
        self.part = part.subset(chosen) if self.part is None else joined([self.part, part]).subset(chosen)
        self.seen += len(part)


class ClassBalanced:
    """Keeps as many samples of each class that was seen, drawn at random.

    Args:
        capacity: Integer from 1: samples that are kept, fewer where classes do not divide it.
        seed: Integer. Defaults to `0`.

    Example:

    >>> buffer = tfdml.continual.ClassBalanced(10)
    >>> buffer.add(tfdml.continual.Part.of((np.zeros((50, 2)), np.arange(50) % 5)))
    >>> np.bincount(buffer.part.labels).tolist()
    [2, 2, 2, 2, 2]

    Reference: the exemplar sets of Rebuffi et al., iCaRL, CVPR 2017, drawn at random in place of herding.
    """

    def __init__(self, capacity, seed=0):
        self.capacity = check_count("capacity", capacity)
        self.rng, self.part = np.random.default_rng(seed), None

    def add(self, part):
        """Makes room for new classes; those that were kept are kept first."""
        part = part.subset(self.rng.permutation(len(part)))
        whole = part if self.part is None else joined([self.part, part])
        classes = np.unique(whole.labels)
        each, more = divmod(self.capacity, len(classes))
        if not each:  # not a sample for each class: for some of them
            each, more = 0, self.capacity
        counts = each + (np.arange(len(classes)) < more)
        places = [np.flatnonzero(whole.labels == c)[:n] for c, n in zip(classes, counts, strict=True)]
        self.part = whole.subset(np.concatenate(places))
