"""Slow retrieval figures, written to be obviously right: every order of tied items, one by one."""

import itertools
import math
from fractions import Fraction

import numpy as np

NDCG_AT = (1, 3, 20)


def retrieval(distances, labels, gallery_labels, recall_at, pool):
    """Expected figures of each query in exact fractions, or None where nothing is relevant.

    Sorts the gallery by `distances[query]` and averages over all permutations of each group of equal ones.
    """
    out = []
    for i, row in enumerate(distances):
        items = [j for j in range(len(row)) if not (pool and j == i)]
        if not any(gallery_labels[j] == labels[i] for j in items):
            out.append(None)
            continue
        groups = [
            [gallery_labels[j] == labels[i] for j in items if row[j] == distance]
            for distance in sorted({row[j] for j in items})
        ]
        orders = [distinct_orders(group) for group in groups]
        rankings = list(itertools.product(*orders))
        results = [figures(list(itertools.chain(*ranking)), recall_at) for ranking in rankings]
        out.append({name: sum(r[name] for r in results) / len(results) for name in results[0]})
    return out


def distinct_orders(group):
    """The orders of a group that can be told apart: all places its relevant items can take."""
    relevant = sum(group)
    for places in itertools.combinations(range(len(group)), relevant):
        yield [j in places for j in range(len(group))]


def figures(ranking, recall_at):
    """Figures of one ranking, a list of "is relevant", nearest first."""
    total = sum(ranking)
    precisions = [Fraction(sum(ranking[: j + 1]), j + 1) for j in range(len(ranking))]
    return {
        **{f"recall@{k}": Fraction(any(ranking[:k])) for k in recall_at},
        "precision@1": Fraction(ranking[0]),
        "r_precision": Fraction(sum(ranking[:total]), total),
        "map@r": sum((precisions[j] for j in range(total) if ranking[j]), Fraction(0)) / total,
        "map": sum((p for p, relevant in zip(precisions, ranking, strict=True) if relevant), Fraction(0))
        / total,
        "mrr": Fraction(1, ranking.index(True) + 1),
        "ndcg": ndcg(ranking, len(ranking)),
        **{f"ndcg@{k}": ndcg(ranking, k) for k in NDCG_AT},
    }


def ndcg(ranking, k):
    """Discounted gain of the first `k` of a ranking, over that of the best ranking."""

    def gain(order):
        return sum(1 / math.log2(j + 2) for j, relevant in enumerate(order[:k]) if relevant)

    return gain(ranking) / gain(sorted(ranking, reverse=True))


def squared_distances(queries, gallery):
    """Exact for small integers."""
    return [
        [sum((int(a) - int(b)) ** 2 for a, b in zip(q, g, strict=True)) for g in gallery] for q in queries
    ]


def nearest(distances, k, exclude=None):
    """Indices of the `k` nearest; of equal ones the lower index first."""
    rows = []
    for i, row in enumerate(distances):
        items = [j for j in range(len(row)) if exclude is None or j != exclude[i]]
        rows.append(sorted(items, key=lambda j, row=row: (row[j], j))[:k])
    return np.array(rows)


def pairwise_f1(labels, clusters):
    pairs = list(itertools.combinations(range(len(labels)), 2))
    same_class = {(i, j) for i, j in pairs if labels[i] == labels[j]}
    same_cluster = {(i, j) for i, j in pairs if clusters[i] == clusters[j]}
    both = len(same_class & same_cluster)
    return 2 * both / (len(same_class) + len(same_cluster))


def pair_distances(queries, gallery, distance):
    """Distances of all queries to all gallery items, one by one, in float64."""

    def apart(q, g):
        if distance == "cosine":
            return 1 - q @ g / (np.linalg.norm(q) * np.linalg.norm(g))
        if distance == "dot":
            return -(q @ g)
        return np.linalg.norm(q - g) ** (2 if distance == "squared_euclidean" else 1)

    return np.array(
        [[apart(q, g) for g in np.asarray(gallery, "float64")] for q in np.asarray(queries, "float64")]
    )


def verification(distances, same, far):
    """Figures of a list of pairs: every threshold that can matter is tried."""
    distances, same = np.asarray(distances), np.asarray(same, bool)
    positive, negative = distances[same], distances[~same]
    wins = sum((p < n) + 0.5 * (p == n) for p in positive for n in negative)
    points = [(0.0, 0.0), *((np.mean(negative <= t), np.mean(positive <= t)) for t in np.unique(distances))]
    figures = {"auc": wins / (len(positive) * len(negative))}
    for rate in far:
        figures[f"tar@far={rate:g}"] = max(tar for false, tar in points if false <= rate)
    for (far0, tar0), (far1, tar1) in itertools.pairwise(points):
        if far1 >= 1 - tar1:  # the line from the point before crosses that of equal errors
            share = (1 - tar0 - far0) / (far1 - far0 + tar1 - tar0)
            figures["eer"] = far0 + share * (far1 - far0)
            break
    return figures


def active_triplets(distances, labels, margin):
    """Share of all triplets with a hinge above zero, one by one."""
    n = len(labels)
    hinges = [
        distances[a][p] - distances[a][k] + margin
        for a in range(n)
        for p in range(n)
        for k in range(n)
        if p != a and labels[p] == labels[a] != labels[k]
    ]
    return sum(h > 0 for h in hinges) / len(hinges)
