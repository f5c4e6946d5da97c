"""Which classes an embedding takes for one another."""

import collections
from typing import NamedTuple

import numpy as np


class Confusion(NamedTuple):
    """Two classes, and how many of the nearest neighbours cross from one to the other.

    Attributes:
        query_class: Class of the queries.
        neighbor_class: The other class that their neighbours have.
        count: Number of neighbours that cross.
        share: `count` over all neighbours that were looked at, above 0 and up to 1.
    """

    query_class: int
    neighbor_class: int
    count: int
    share: float


def confusions(query_labels, neighbor_labels, top=10, both_ways=False):
    """The most confused pairs of classes among queries and their nearest neighbours.

    Args:
        query_labels: Classes of the queries, integers `(queries,)`.
        neighbor_labels: Classes of their neighbours, integers `(queries, k)` or `(queries,)`. A negative
            number stands for no neighbour.
        top: Most pairs to give, 1 or more. Defaults to `10`.
        both_ways: Whether A taken for B and B taken for A count as one pair, whose share is that of
            both classes' neighbours, named by the lower number first. Defaults to `False`.

    Returns:
        A list of `Confusion`, those with the most crossing neighbours first; among equals the larger
        share, then the lower class numbers.

    Example:

    >>> pairs = tfdml.explain.confusions([0, 0, 1], [[0, 1], [1, 1], [1, 1]])
    >>> pairs[0].query_class, pairs[0].neighbor_class, pairs[0].count, pairs[0].share
    (0, 1, 3, 0.75)
    """
    query_labels, neighbor_labels = np.asarray(query_labels), np.asarray(neighbor_labels)
    if neighbor_labels.ndim == 1:
        neighbor_labels = neighbor_labels[:, None]
    if query_labels.ndim != 1 or neighbor_labels.ndim != 2 or len(query_labels) != len(neighbor_labels):
        raise ValueError(
            "Expected neighbor_labels to be (queries, k) for query_labels (queries,), "
            f"received: {neighbor_labels.shape} for {query_labels.shape}"
        )
    if not top >= 1:
        raise ValueError(f"Expected top to be 1 or more, received: {top}")
    looked_at, crossing = collections.Counter(), collections.Counter()
    for label, row in zip(query_labels.tolist(), neighbor_labels.tolist(), strict=True):
        found = [other for other in row if other >= 0]
        looked_at[label] += len(found)
        crossing.update((label, other) for other in found if other != label)
    if both_ways:
        crossing = _merged(crossing)
    pairs = [
        Confusion(a, b, count, count / (looked_at[a] + (looked_at[b] if both_ways else 0)))
        for (a, b), count in crossing.items()
    ]
    return sorted(pairs, key=lambda p: (-p.count, -p.share, p.query_class, p.neighbor_class))[:top]


def _merged(crossing):
    merged = collections.Counter()
    for (a, b), count in crossing.items():
        merged[min(a, b), max(a, b)] += count
    return merged
