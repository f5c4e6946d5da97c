"""Lists of rows that are near to each other: k-means in NumPy."""

import numpy as np

SAMPLE, STEPS, SPLITS = 64, 12, 8  # rows a list to train on, steps of k-means, those that split after them
LONG = 3  # times the average: a list that is split
TILE = 4096  # rows that are compared at a time


def train(x, lists, spherical, rng):
    """Centroids `(lists, dim)` of the rows of `x`, of length 1 if `spherical`.

    In many dimensions k-means may leave one list where hundreds belong: long ones are split on the way.
    """
    if len(x) > SAMPLE * lists:
        x = x[rng.choice(len(x), SAMPLE * lists, replace=False)]
    centroids = x[rng.choice(len(x), lists, replace=len(x) < lists)]
    for step in range(STEPS):
        chosen, scores = nearest(x, centroids)
        centroids = means(x, chosen, scores, centroids)
        if step < SPLITS:
            split(x, chosen, centroids)
        if spherical:
            centroids /= np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-12)
    return centroids


def split(x, chosen, centroids):
    """Moves centroids of the shortest lists beside those of too long ones, along their longest direction."""
    sizes = np.bincount(chosen, minlength=len(centroids))
    order = np.argsort(sizes, kind="stable")
    too_long = [i for i in order[::-1] if sizes[i] > LONG * len(x) / len(sizes)]
    for given_up, long in zip(order[: len(order) // 2], too_long, strict=False):
        members = x[chosen == long] - centroids[long]
        direction = members[0]
        for _ in range(3):  # of power iteration
            direction = (members @ direction) @ members
            direction = direction / max(np.linalg.norm(direction), 1e-12)
        shift = direction * np.sqrt(np.mean(np.square(members @ direction))) / 2
        centroids[given_up] = centroids[long] + shift
        centroids[long] -= shift


def nearest(x, centroids):
    """The nearest centroid of each row and its score `x·c - |c|²/2`."""
    transposed, offsets = centroids.T, np.square(centroids).sum(axis=1) / 2
    chosen, best = np.empty(len(x), "int32"), np.empty(len(x), "float32")
    for start in range(0, len(x), TILE):
        scores = x[start : start + TILE] @ transposed - offsets
        places = scores.argmax(axis=1)
        chosen[start : start + TILE] = places
        best[start : start + TILE] = scores[np.arange(len(places)), places]
    return chosen, best


def means(x, chosen, scores, centroids):
    """Each centroid moved to the mean of its rows; one without any to a row that is far from its own."""
    sizes = np.bincount(chosen, minlength=len(centroids))
    full, empty = np.flatnonzero(sizes), np.flatnonzero(sizes == 0)
    starts = np.cumsum(sizes) - sizes
    ordered = x[np.argsort(chosen, kind="stable")]
    centroids = centroids.copy()
    centroids[full] = np.add.reduceat(ordered, starts[full], axis=0) / sizes[full, None]
    if len(empty):
        far = np.argsort(np.square(x).sum(axis=1) / 2 - scores, kind="stable")[::-1]
        centroids[empty] = x[np.resize(far, len(empty))]
    return centroids
