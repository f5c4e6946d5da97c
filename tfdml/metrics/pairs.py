"""How the distances of all pairs of one class lie among those of all pairs of two, tile by tile.

Only the pairs of one class are kept, which are few. Those of two classes are counted into them: a tile of
distances is sorted, and each distance of a positive pair looks up how many are smaller.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from tfdml.metrics.gallery import cores
from tfdml.metrics.keys import Keys

TILE = 2048


@dataclass(frozen=True)
class Levels:
    """The different distances of positive pairs, smallest first, and what accepting up to each accepts.

    Attributes:
        keys: float32, what a distance is compared by.
        positives: Positive pairs at each level.
        below, at_most: Negative pairs that are strictly nearer than it; and those as near or nearer.
        negative_pairs: All negative pairs.
        distances: Function from keys to distances.
    """

    keys: np.ndarray
    positives: np.ndarray
    below: np.ndarray
    at_most: np.ndarray
    negative_pairs: int
    distances: object

    @property
    def positive_pairs(self):
        return int(self.positives.sum())

    @property
    def tar(self):
        """True acceptance rate at each level."""
        return np.cumsum(self.positives) / self.positive_pairs

    @property
    def far(self):
        """False acceptance rate at each level."""
        return self.at_most / self.negative_pairs

    @property
    def thresholds(self):
        """Two distances for each level, between which lies what rounds to it: before it and beyond it."""
        keys = self.keys.astype("float64")
        half = np.maximum(np.spacing(np.abs(self.keys)).astype("float64") / 2, 0.5)
        return np.stack([self.distances(keys - half), self.distances(keys + half)], axis=1)


def levels_of_sets(queries, labels, gallery, gallery_labels, distance, tile=None):
    """`Levels` over all pairs of two samples, or of a query and a gallery item."""
    pool, tile = gallery is None, tile or TILE
    order = np.argsort(labels, kind="stable")
    queries, labels = queries[order], labels[order]
    if not pool:
        order = np.argsort(gallery_labels, kind="stable")
        gallery, gallery_labels = gallery[order], gallery_labels[order]
    found_labels = labels if pool else gallery_labels
    keys = Keys.of(queries, gallery, distance)
    first = np.searchsorted(found_labels, labels, side="left")
    last = np.searchsorted(found_labels, labels, side="right")
    positive = positive_keys(keys, first, last, pool, tile)
    pairs = len(labels) * (len(labels) - 1) // 2 if pool else len(labels) * len(found_labels)
    return counted(
        keys,
        positive,
        pairs - len(positive),
        lambda levels: negative_counts(keys, levels, first, last, pool, tile),
    )


def levels_of_pairs(queries, labels, gallery, gallery_labels, pairs, distance, tile=None):
    """`Levels` over given pairs, rows of a place among the queries and one among the gallery."""
    keys = Keys.of(queries, gallery, distance)
    first, second = pairs.T
    same = labels[first] == (labels if gallery is None else gallery_labels)[second]
    values = keys.of_pairs(first, second, (tile or TILE) * 64)
    negative = np.sort(values[~same])
    return counted(keys, values[same], len(negative), lambda levels: counts_within(negative, levels))


def counted(keys, positive, negative_pairs, count):
    """`Levels` of the keys of positive pairs; `count` gives those of negative pairs below and at most."""
    if not len(positive) or not negative_pairs:
        raise ValueError(
            "Expected labels to give at least one pair of one class and one of two, "
            f"received: {len(positive)} and {negative_pairs}"
        )
    levels, positives = np.unique(positive, return_counts=True)
    below, at_most = count(levels)
    return Levels(levels, positives, below, at_most, negative_pairs, keys.distances)


def positive_keys(keys, first, last, pool, tile):
    """Keys of all pairs of one class, in no order; of a pair within one set only one of its two."""
    found = []
    starts = np.flatnonzero(np.r_[True, (first[1:] != first[:-1]) | (last[1:] != last[:-1])])
    for start, stop in zip(starts, np.r_[starts[1:], len(first)], strict=True):
        i, j = first[start], last[start]
        if j - i <= pool:
            continue
        for row in range(start, stop, tile):
            rows = np.arange(row, min(row + tile, stop))
            values = keys.product(rows, slice(i, j))
            found.append(values[np.arange(i, j) > rows[:, None]] if pool else values.ravel())
    return np.concatenate(found) if found else np.empty(0, "float32")


def negative_counts(keys, levels, first, last, pool, tile):
    """Of all pairs of two classes: how many have keys below each level, and how many at most."""
    rows, columns = len(keys.left), len(keys.right)
    blocks = [
        (row, column)
        for row in range(0, rows, tile)
        for column in range(0, columns, tile)
        if not pool or column + tile > last[row]
    ]
    todo = iter(blocks)

    def work(_):
        below, at_most = np.zeros((2, len(levels)), "int64")
        for row, column in todo:  # shared: each thread takes the next block that nobody has taken
            now = slice(row, row + tile)
            values = keys.product(now, slice(column, column + tile))
            # Within one set, what comes before the end of a sample's class is its class or counted already.
            starts = np.zeros(len(values), int) if pool else np.clip(first[now] - column, 0, tile)
            for line, i, j in zip(values, starts, np.clip(last[now] - column, 0, tile), strict=True):
                line[i:j] = np.inf
            more = counts_within(np.sort(values[values <= levels[-1]]), levels)
            below += more[0]
            at_most += more[1]
        return below, at_most

    threads = max(1, min(cores(), len(blocks)))
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool_of_threads:
        return np.sum(list(pool_of_threads.map(work, range(threads))), axis=0)


def counts_within(keys, levels):
    """How many of the sorted keys are below each level, and how many at most."""
    return np.stack([np.searchsorted(keys, levels, side) for side in ("left", "right")])
