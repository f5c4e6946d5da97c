"""More losses as loops in float64, straight from the formulas: as in `oracles.py`, one term at a time.

Functions named `*_terms` give the list of terms of every anchor, the others one value an anchor.
"""

import math

import numpy as np
from oracles import distance_matrix, neighbours


def cosines(z):
    return 1 - distance_matrix(z, z, "cosine")


def multi_similarity_values(labels, z, alpha, beta, base, epsilon):
    s, values = cosines(z), []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)
        if epsilon is not None:
            nearest = max((s[i, n] for n in negatives), default=-math.inf)
            farthest = min((s[i, p] for p in positives), default=math.inf)
            positives = [p for p in positives if s[i, p] - epsilon < nearest]
            negatives = [n for n in negatives if s[i, n] + epsilon > farthest]
        pull = sum(math.exp(-alpha * (s[i, p] - base)) for p in positives)
        push = sum(math.exp(beta * (s[i, n] - base)) for n in negatives)
        values.append(math.log(1 + pull) / alpha + math.log(1 + push) / beta)
    return values


def supervised_contrastive_terms(labels, z, temperature):
    s, result = cosines(z) / temperature, []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)
        total = sum(math.exp(s[i, k]) for k in positives + negatives)
        crossed = [-math.log(math.exp(s[i, p]) / total) for p in positives]
        result.append([np.mean(crossed)] if crossed else [])
    return result


def circle_terms(labels, z, margin, gamma):
    s, result = cosines(z), []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)
        pull = sum(
            math.exp(-gamma * max(0, 1 + margin - s[i, p]) * (s[i, p] - 1 + margin)) for p in positives
        )
        push = sum(math.exp(gamma * max(0, s[i, n] + margin) * (s[i, n] - margin)) for n in negatives)
        result.append([math.log(1 + pull * push)] if positives and negatives else [])
    return result


def soft_maximum(values, temperature):
    return temperature * math.log(sum(math.exp(x / temperature) for x in values))


def lifted_structure_terms(labels, z, margin, temperature, distance="euclidean"):
    d, result = distance_matrix(z, z, distance), []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)
        terms = []
        for p in positives:
            of_both = [margin - d[end, n] for end in (i, p) for n in negatives]
            rest = soft_maximum(of_both, temperature) if of_both else -math.inf
            terms.append(max(0.0, rest + d[i, p]) ** 2 / 2)
        result.append(terms)
    return result


def generalized_lifted_structure_terms(labels, z, margin, temperature, distance="euclidean"):
    d, result = distance_matrix(z, z, distance), []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)
        if not positives or not negatives:
            result.append([])
            continue
        pull = soft_maximum([d[i, p] for p in positives], temperature)
        push = soft_maximum([margin - d[i, n] for n in negatives], temperature)
        result.append([max(0.0, pull + push)])
    return result


def angular_terms(labels, z, alpha):
    unit = np.asarray(z, "float64") / np.linalg.norm(z, axis=1, keepdims=True)
    t, result = math.tan(math.radians(alpha)) ** 2, []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)
        terms = []
        for p in positives:
            f = [4 * t * (unit[i] + unit[p]) @ unit[n] - 2 * (1 + t) * unit[i] @ unit[p] for n in negatives]
            terms.append(math.log(1 + sum(math.exp(x) for x in f)))
        result.append(terms)
    return result


def multi_label_n_pair_values(rows, z):
    """Cross-entropy against the keys in parts of the number of labels that they share with the anchor."""
    z, values = np.asarray(z, "float64"), []
    for i in range(len(z)):
        keys = [j for j in range(len(z)) if j != i]
        shared = [sum(a and b for a, b in zip(rows[i], rows[k], strict=True)) for k in keys]
        total = sum(math.exp(z[i] @ z[k]) for k in keys)
        crossed = [n * -math.log(math.exp(z[i] @ z[k]) / total) for n, k in zip(shared, keys, strict=True)]
        values.append(sum(crossed) / sum(shared) if sum(shared) else 0.0)
    return values


def margin_terms(labels, z, margin, beta, sampling, nearest=0.5):
    """The terms of each anchor and their weights: a negative has the number expected of it in a draw."""
    unit = np.asarray(z, "float64") / np.linalg.norm(z, axis=1, keepdims=True)
    d, dim, result = distance_matrix(unit, unit), z.shape[1], []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)
        if not negatives:
            result.append([])
            continue
        odds = [1.0 for _ in negatives]
        if sampling == "distance":
            odds = []
            for n in negatives:
                x = max(nearest, d[i, n])
                density = x ** (dim - 2) * (1 - x**2 / 4) ** ((dim - 3) / 2)
                odds.append(1 / density if d[i, n] < beta + margin else 0.0)
        terms = [(max(0.0, d[i, p] - beta + margin), 1.0) for p in positives]
        if not sum(odds):  # whichever is drawn loses nothing
            terms.append((0.0, float(len(positives))))
        else:
            for n, odd in zip(negatives, odds, strict=True):
                terms.append((max(0.0, beta + margin - d[i, n]), len(positives) * odd / sum(odds)))
        result.append(terms)
    return result


def tuplet_margin_terms(labels, z, margin, scale):
    angles, result = np.arccos(np.clip(cosines(z), -1, 1)), []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)
        eased = [math.cos(angles[i, p] - math.radians(margin)) for p in positives]
        result.append(
            [
                math.log(1 + sum(math.exp(scale * (math.cos(angles[i, n]) - e)) for n in negatives))
                for e in eased
            ]
        )
    return result


def intra_pair_variance(labels, z, positive_epsilon, negative_epsilon):
    s, pairs = cosines(z), {True: [], False: []}
    for i in range(len(z)):
        for same, others in zip((True, False), neighbours(labels, i), strict=True):
            pairs[same] += [s[i, j] for j in others]
    positive_mean, negative_mean = (np.mean(pairs[same]) for same in (True, False))
    low = [max(0, (1 - positive_epsilon) * positive_mean - x) ** 2 for x in pairs[True]]
    high = [max(0, x - (1 + negative_epsilon) * negative_mean) ** 2 for x in pairs[False]]
    return np.mean(low) + np.mean(high)


def soft_nearest_neighbor_terms(labels, z, temperature, distance):
    d, result = distance_matrix(z, z, distance), []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)
        near = sum(math.exp(-d[i, p] / temperature) for p in positives)
        total = near + sum(math.exp(-d[i, n] / temperature) for n in negatives)
        result.append([-math.log(near / total)] if positives else [])
    return result


def ranked_list_values(labels, z, margin, alpha, negative_temperature, positive_temperature, balance):
    d, values = distance_matrix(z, z), []

    def mean(terms, temperature):
        terms = [x for x in terms if x > 0]
        weights = [math.exp(temperature * x) for x in terms]
        return sum(w * x for w, x in zip(weights, terms, strict=True)) / sum(weights) if terms else 0.0

    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)
        pull = mean([d[i, p] - alpha + margin for p in positives], positive_temperature)
        push = mean([alpha - d[i, n] for n in negatives], negative_temperature)
        values.append((1 - balance) * pull + balance * push)
    return values


def fast_ap_terms(labels, z, bins):
    squared, width, result = 2 - 2 * cosines(z), 4 / bins, []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)

        def histogram(keys, i=i):
            return [
                sum(max(0.0, 1 - abs(squared[i, k] - node * width) / width) for k in keys)
                for node in range(bins + 1)
            ]

        h, of_all = histogram(positives), histogram(positives + negatives)
        parts = [h[b] * sum(h[: b + 1]) / sum(of_all[: b + 1]) for b in range(bins + 1) if h[b] > 0]
        result.append([1 - sum(parts) / len(positives)] if positives else [])
    return result


def smooth_ap_terms(labels, z, temperature):
    s, result = cosines(z) / temperature, []
    for i in range(len(z)):
        positives, negatives = neighbours(labels, i)

        def rank(p, keys, i=i):
            return 1 + sum(1 / (1 + math.exp(s[i, p] - s[i, k])) for k in keys if k != p)

        parts = [rank(p, positives) / rank(p, positives + negatives) for p in positives]
        result.append([1 - np.mean(parts)] if parts else [])
    return result


def noise_to_signal(queries, keys):
    return [[np.var(k - q) / np.var(q) for k in keys] for q in np.asarray(queries, "float64")]


def divergence_values(z, learners, form, margin):
    values = []
    for x in np.asarray(z, "float64"):
        parts = [p / np.linalg.norm(p) for p in np.split(x, learners)]
        terms = []
        for p in range(learners):
            for q in range(p):
                cosine, distance = parts[p] @ parts[q], np.linalg.norm(parts[p] - parts[q])
                terms.append(
                    {
                        "cosine": max(0, cosine - margin),
                        "squared_euclidean": max(0, margin - distance**2),
                        "euclidean": max(0, margin - distance) ** 2,
                    }[form]
                )
        values.append(np.mean(terms))
    return values


def center_values(labels, z):
    z = np.asarray(z, "float64")
    means = {label: np.mean([x for x, y in zip(z, labels, strict=True) if y == label], 0) for label in labels}
    return [np.sum((x - means[y]) ** 2) / 2 for x, y in zip(z, labels, strict=True)]
