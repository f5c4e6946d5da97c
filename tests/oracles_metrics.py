"""Slow retrieval figures, written to be obviously right: every order of tied items, one by one."""

import itertools
from fractions import Fraction

import numpy as np


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
    }


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
