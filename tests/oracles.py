"""Losses written to be obviously right: loops in float64, one term at a time, straight from the formulas.

Each `*_terms` function gives, for every anchor of a batch, the list of its terms.
"""

import keras
import numpy as np


def distance_matrix(queries, keys, distance="euclidean"):
    matrix = np.zeros((len(queries), len(keys)))
    for i, q in enumerate(np.asarray(queries, "float64")):
        for j, k in enumerate(np.asarray(keys, "float64")):
            if distance == "cosine":
                matrix[i, j] = 1 - q @ k / (np.linalg.norm(q) * np.linalg.norm(k))
            else:
                matrix[i, j] = np.linalg.norm(q - k) ** (2 if distance == "squared_euclidean" else 1)
    return matrix


def neighbours(labels, i):
    """Positives and negatives of anchor `i`."""
    others = [j for j in range(len(labels)) if j != i]
    return [j for j in others if labels[j] == labels[i]], [j for j in others if labels[j] != labels[i]]


def triplet_terms(labels, z, margin, mining="all", distance="euclidean"):
    d = distance_matrix(z, z, distance)
    result = []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)
        triplets = [(p, n) for p in positives for n in negatives]
        if mining == "hard" and triplets:
            triplets = [(max(positives, key=lambda p: d[i, p]), min(negatives, key=lambda n: d[i, n]))]
        if mining == "semi_hard" and triplets:
            triplets = []
            for p in positives:
                farther = [n for n in negatives if d[i, n] > d[i, p]]
                nearest, farthest = (
                    min(farther, key=lambda n: d[i, n], default=None),
                    max(negatives, key=lambda n: d[i, n]),
                )
                triplets.append((p, nearest if farther else farthest))
        gaps = [d[i, p] - d[i, n] for p, n in triplets]
        result.append([np.log1p(np.exp(g)) if margin == "soft" else max(0.0, g + margin) for g in gaps])
    return result


def contrastive_terms(labels, z, positive_margin, negative_margin, power=1, distance="euclidean"):
    """Two lists of lists: the terms of positive pairs, and those of negative pairs."""
    d = distance_matrix(z, z, distance)
    positive_terms, negative_terms = [], []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)
        positive_terms.append([max(0.0, d[i, p] - positive_margin) ** power for p in positives])
        negative_terms.append([max(0.0, negative_margin - d[i, n]) ** power for n in negatives])
    return positive_terms, negative_terms


def nt_xent_terms(labels, z, temperature):
    s = (1 - distance_matrix(z, z, "cosine")) / temperature
    result = []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)
        rest = sum(np.exp(s[i, n]) for n in negatives)
        result.append([-np.log(np.exp(s[i, p]) / (np.exp(s[i, p]) + rest)) for p in positives])
    return result


def n_pair_values(labels, z, l2=0.0):
    """One value per anchor: the cross-entropy against its positives in equal parts, and the penalty."""
    z = np.asarray(z, "float64")
    values = []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)
        total = sum(np.exp(z[i] @ z[k]) for k in positives + negatives)
        crossed = [-np.log(np.exp(z[i] @ z[p]) / total) for p in positives]
        norms = z[i] @ z[i] + np.mean([k @ k for k in z])
        values.append((np.mean(crossed) if crossed else 0.0) + l2 / 4 * norms)
    return values


def averaged(terms, average):
    """The batch's average of the anchors' terms; `average` as in `tfdml.losses.MetricLoss`."""
    if average == "anchors":
        return np.mean([np.mean(anchor) if anchor else 0.0 for anchor in terms])
    flat = [term for anchor in terms for term in anchor if average == "terms" or term > 0]
    return np.mean(flat) if flat else 0.0


def finite_differences(function, x, step=1e-6):
    """Gradient of a number by central differences, one coordinate at a time."""
    x = np.asarray(x, "float64")
    gradient = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        shift = np.zeros_like(x)
        shift[place] = step
        gradient[place] = (function(x + shift) - function(x - shift)) / (2 * step)
    return gradient


def with_constants_of(x, function, monkeypatch):
    """`function` with what it passes through `stop_gradient` as it is at `x`."""
    constants = []
    monkeypatch.setattr(keras.ops, "stop_gradient", lambda value: constants.append(value) or value)
    function(x)

    def held(z):
        remaining = iter(constants)
        monkeypatch.setattr(keras.ops, "stop_gradient", lambda _: next(remaining))
        return function(z)

    return held


def value_and_gradient(function, x):
    """Value and gradient of a number, by the automatic differentiation of the backend in use."""
    x = keras.ops.convert_to_tensor(x)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        gradient = tape.gradient(value, x)
    elif keras.backend.backend() == "jax":
        import jax

        value, gradient = jax.value_and_grad(function)(x)
    else:
        x = x.detach().clone().requires_grad_()
        value = function(x)
        value.backward()
        gradient = x.grad
    as_numpy = keras.ops.convert_to_numpy
    return float(as_numpy(keras.ops.cast(value, "float32"))), as_numpy(keras.ops.cast(gradient, "float32"))
