"""Class losses written to be obviously right: loops in float64, straight from the formulas.

Each gives one value a sample, from cosines `(batch, classes)`, or `(batch, classes, per_class)`, and labels.
"""

import numpy as np


def cosines(z, weights):
    """Cosines `(batch, classes[, per_class])` of embeddings to weights `(classes[, per_class], dim)`."""
    z, weights = np.asarray(z, "float64"), np.asarray(weights, "float64")
    result = np.zeros((len(z), *weights.shape[:-1]))
    for i, x in enumerate(z):
        for place in np.ndindex(weights.shape[:-1]):
            w = weights[place]
            result[i][place] = x @ w / (np.linalg.norm(x) * np.linalg.norm(w))
    return result


def cross_entropy(logits, label):
    return -np.log(np.exp(logits[label]) / sum(np.exp(x) for x in logits))


def with_target(row, label, target):
    return [target if j == label else s for j, s in enumerate(row)]


def normalized_softmax(labels, s, temperature):
    return [cross_entropy(row / temperature, y) for y, row in zip(labels, s, strict=True)]


def cos_face(labels, s, margin, scale):
    moved = [with_target(row, y, row[y] - margin) for y, row in zip(labels, s, strict=True)]
    return [cross_entropy(scale * np.array(row), y) for y, row in zip(labels, moved, strict=True)]


def arc_face(labels, s, margin, scale):
    result = []
    for y, row in zip(labels, s, strict=True):
        angle = np.arccos(np.clip(row[y], -1, 1))
        target = (
            np.cos(angle + margin)
            if angle <= np.pi - margin
            else row[y] - max(margin * np.sin(margin), 1 - np.cos(margin))
        )
        result.append(cross_entropy(scale * np.array(with_target(row, y, target)), y))
    return result


def sub_center_arc_face(labels, s, margin, scale):
    return arc_face(labels, np.array([[max(k) for k in row] for row in s]), margin, scale)


def sphere_face(labels, s, margin, scale):
    result = []
    for y, row in zip(labels, s, strict=True):
        angle = np.arccos(np.clip(row[y], -1, 1))
        part = next(k for k in range(margin) if angle <= (k + 1) * np.pi / margin + 1e-12)
        target = (-1) ** part * np.cos(margin * angle) - 2 * part
        result.append(cross_entropy(scale * np.array(with_target(row, y, target)), y))
    return result


def proxy_nca(labels, s, temperature):
    result = []
    for y, row in zip(labels, s, strict=True):
        d = [(2 - 2 * x) / temperature for x in row]
        rest = sum(np.exp(-d[j]) for j in range(len(row)) if j != y)
        result.append(-np.log(np.exp(-d[y]) / rest))
    return result


def proxy_nca_plus_plus(labels, s, temperature):
    return [cross_entropy(-(2 - 2 * row) / temperature, y) for y, row in zip(labels, s, strict=True)]


def proxy_anchor(labels, s, margin, scale):
    """The loss of the whole batch."""
    classes = s.shape[1]
    pull = push = 0.0
    for c in range(classes):
        positives = [s[i, c] for i, y in enumerate(labels) if y == c]
        negatives = [s[i, c] for i, y in enumerate(labels) if y != c]
        pull += np.log(1 + sum(np.exp(-scale * (x - margin)) for x in positives))
        push += np.log(1 + sum(np.exp(scale * (x + margin)) for x in negatives))
    return pull / max(len(set(labels)), 1) + push / classes


def soft_triple(labels, s, margin, scale, temperature):
    pooled = np.zeros(s.shape[:2])
    for i, j in np.ndindex(s.shape[:2]):
        weights = np.exp(s[i, j] / temperature)
        pooled[i, j] = sum(w * x for w, x in zip(weights / sum(weights), s[i, j], strict=True))
    return cos_face(labels, pooled, margin, scale)


def spread(weights):
    """SoftTriple's regulariser: distances between the centers of each class."""
    classes, per_class, _ = weights.shape
    unit = weights / np.linalg.norm(weights, axis=2, keepdims=True)
    total = sum(
        np.linalg.norm(unit[c, k] - unit[c, j])
        for c in range(classes)
        for k in range(per_class)
        for j in range(k)
    )
    return total / (classes * per_class * (per_class - 1))


def ada_cos_scale(labels, s, scale):
    """The next scale, with the median angle as torch.median has it: the smaller of two in the middle."""
    angles = sorted(np.arccos(row[y]) for y, row in zip(labels, s, strict=True))
    median = angles[(len(angles) - 1) // 2]
    total = 0.0
    for y, row in zip(labels, s, strict=True):
        total += sum(np.exp(scale * row[j]) for j in range(len(row)) if j != y)
    return np.log(total / len(labels)) / np.cos(min(np.pi / 4, median))
