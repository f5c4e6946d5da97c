"""Classifiers by neighbours written to be obviously right: loops in float64, straight from the formulas."""

import math

import numpy as np


def neighbors(z, centers, k, active=None, own=None):
    """The `k` nearest centers that may be found, as pairs of squared distance and slot, nearest first."""
    found = []
    for slot, center in enumerate(np.asarray(centers, "float64")):
        if (active is None or active[slot]) and slot != own:
            found.append((sum((a - b) ** 2 for a, b in zip(map(float, z), center, strict=True)), slot))
    return sorted(found)[:k]


def nngk(z, centers, targets, bandwidth, k, log_weights=None, active=None, own=None):
    """Probabilities of the classes of one query; `targets` are labels, or a distribution a center."""
    log_weights = np.zeros(len(centers)) if log_weights is None else log_weights
    targets = np.asarray(targets)
    targets = np.eye(targets.max() + 1)[targets] if targets.ndim == 1 else targets
    found = neighbors(z, centers, k, active, own)
    logits = [float(log_weights[slot]) - d / (2 * bandwidth**2) for d, slot in found]
    kernels = [math.exp(logit - max(logits)) for logit in logits]
    votes = np.zeros(targets.shape[1])
    for kernel, (_, slot) in zip(kernels, found, strict=True):
        for label, share in enumerate(targets[slot]):
            votes[label] += kernel * share
    return votes / sum(kernels)


def majority(z, centers, labels, k, num_classes, active=None, own=None):
    """The most frequent classes of the neighbours, of as many those whose neighbours are nearest by rank."""
    found = neighbors(z, centers, k, active, own)
    votes, ranks = [0] * num_classes, [0] * num_classes
    for rank, (_, slot) in enumerate(found):
        votes[labels[slot]] += 1
        ranks[labels[slot]] += rank
    best = max((votes[label], -ranks[label]) for label in range(num_classes))
    return [label for label in range(num_classes) if (votes[label], -ranks[label]) == best]


def kernel_neuron(z, centers, weights, bias, bandwidth, k=None):
    """Values of one query before the activation."""
    total = [float(b) for b in bias]
    for d, slot in neighbors(z, centers, len(centers) if k is None else k):
        for unit, weight in enumerate(weights[slot]):
            total[unit] += float(weight) * math.exp(-d / (2 * bandwidth**2))
    return np.array(total)
