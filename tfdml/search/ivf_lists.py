"""Lists of rows that are near to each other: k-means, and what it needs for lists of like lengths."""

import numpy as np

from tfdml.search import k_means

SAMPLE, STEPS, SPLITS = 64, 12, 8  # rows a list to train on, steps of k-means, those that split after them
LONG = 3  # times the average: a list that is split


def train(x, lists, spherical, rng):
    """Centroids `(lists, dim)` of the rows of `x`, of length 1 if `spherical`.

    In many dimensions k-means may leave one list where hundreds belong: long ones are split on the way.
    """
    if len(x) > SAMPLE * lists:
        x = x[rng.choice(len(x), SAMPLE * lists, replace=False)]
    centroids = x[rng.choice(len(x), lists, replace=len(x) < lists)]
    for step in range(STEPS):
        chosen = nearest(x, centroids)
        centroids = k_means.means(x[None], chosen[None], centroids[None])[0]
        if step < SPLITS:
            split(x, chosen, centroids)
        if spherical:
            centroids /= np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-12)
    return centroids


def nearest(x, centroids):
    """The list of each row: that of the nearest centroid."""
    return k_means.nearest(x[None], centroids[None])[0]


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
