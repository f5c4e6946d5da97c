"""Rows of similarities to a whole gallery, a few at a time, and the ranking figures that they give."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from tfdml.metrics.ties import discounted_gain, first_relevant, precision_sum, relevant_within

ROWS_BYTES = 2**28  # similarities that all threads hold at a time, where `tile` says nothing else
FIGURES = "precision@1", "r_precision", "map@r", "map", "mrr", "ndcg"
TILES = 64, 512  # fewest and most rows of such a default: fewer starve the matrix product, more gain nothing


class Gallery:
    """Score vectors sorted by label, so that the relevant items of a query are a slice of its row.

    Matrix kernels round differently at the edges of their blocks, wherever those are: two equal vectors may
    get scores that differ in the last digit, and a collapsed embedding would be ranked by that noise. So the
    score of a vector that occurs again is copied, not computed.
    """

    def __init__(self, vectors, labels):
        order = np.argsort(labels, kind="stable")
        self.size = len(labels)
        self.labels = labels[order]
        self.place = np.empty_like(order)
        self.place[order] = np.arange(self.size)
        self.vectors = np.ascontiguousarray(vectors[order]) + np.float32(0)  # -0 becomes 0
        rows = self.vectors.view(f"V{self.vectors.itemsize * self.vectors.shape[1]}").ravel()
        _, first, which = np.unique(rows, return_index=True, return_inverse=True)
        self.copies = np.flatnonzero(first[which] != np.arange(self.size))
        self.originals = first[which[self.copies]]

    def scores(self, queries, out):
        np.matmul(queries, self.vectors.T, out=out)
        if len(self.copies):
            out[:, self.copies] = out[:, self.originals]
        return out

    def figures(self, queries, labels, pool, ranks, gains, tile):
        """Figures of each query; `pool` says that query `i` is gallery item `i`.

        Args:
            queries, labels: Score vectors and labels.
            pool: Whether query `i` is gallery item `i`.
            ranks, gains: The `k` of `recall@k` and of `ndcg@k`.
            tile: Rows at a time, or `None`.
        """
        first = np.searchsorted(self.labels, labels, side="left")
        last = np.searchsorted(self.labels, labels, side="right")
        usable = np.flatnonzero(last - first - pool > 0)
        tables = rank_tables(self.size)
        names = figure_names(ranks, gains)
        values = {name: np.full(len(queries), np.nan) for name in names}
        tile = tile or int(np.clip(ROWS_BYTES // (4 * self.size * cores()), *TILES))
        starts = iter(range(0, len(usable), tile))

        def work(_):
            scores = np.empty((min(tile, len(usable)), self.size), "float32")
            for start in starts:  # shared: each thread takes the next block that nobody has taken
                now = usable[start : start + tile]
                rows = self.scores(queries[now], out=scores[: len(now)])
                if pool:
                    rows[np.arange(len(now)), self.place[now]] = -np.inf
                counts = [
                    level_counts(row, row[i:j]) for row, i, j in zip(rows, first[now], last[now], strict=True)
                ]
                for name, value in zip(names, block_figures(counts, ranks, gains, *tables), strict=True):
                    values[name][now] = value

        # One thread a block, each with its own product: the sorts in between then run in parallel as well.
        threads = min(cores(), -(-len(usable) // tile))
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(max(threads, 1)) as pool_of_threads:
            list(pool_of_threads.map(work, range(threads)))
        return values


def level_counts(row, relevant):
    """For each relevant item of a row of similarities, nearest last: how many are nearer, how many as near.

    Returns four integer arrays: of all items above and tied, and of the relevant ones among them. Minus
    infinity marks the query itself.
    """
    # Methods, not functions: what those add in front counts a hundred thousand times.
    relevant = relevant[relevant > -np.inf]
    relevant.sort()
    rivals = row.compress(row >= relevant[0])  # what is farther than all of them does not count
    rivals.sort()
    above, tied = above_and_tied(rivals, relevant)
    return above, tied, *above_and_tied(relevant, relevant)


def above_and_tied(items, levels):
    """How many of the sorted `items` lie above each level, and how many at it."""
    above = len(items) - items.searchsorted(levels, "right")
    return above, len(items) - items.searchsorted(levels, "left") - above


def figure_names(ranks, gains):
    """Names of the figures, in the order in which `block_figures` gives them."""
    recalls = [f"recall@{k}" for k in ranks]
    return [*recalls, *FIGURES, *(f"ndcg@{k}" for k in gains)]


def rank_tables(size):
    """Sums over the first ranks, from none to all: of inverse ranks, and of the discounts of NDCG."""
    ranks = np.arange(1, size + 1)
    return [np.concatenate([[0.0], np.cumsum(terms)]) for terms in (1 / ranks, 1 / np.log2(ranks + 1))]


def block_figures(counts, ranks, gains, harmonic, discounts):
    """The figures of `figure_names`, each `(queries,)`."""
    sizes = np.array([len(above) for above, *_ in counts])
    above, tied, relevant_above, relevant = (np.concatenate(parts) for parts in zip(*counts, strict=True))
    query = np.repeat(np.arange(len(sizes)), sizes)
    limit = sizes[query]

    def total(values):
        return np.bincount(query, values, minlength=len(sizes))

    nearest = np.cumsum(sizes) - 1
    inverse_rank, found = first_relevant(above[nearest], tied[nearest], relevant[nearest], ranks)
    levels = above, tied, relevant_above, relevant
    return [
        *found.T,
        total(relevant_within(above, tied, 1)),
        total(relevant_within(above, tied, limit)) / sizes,
        total(precision_sum(*levels, harmonic, limit)) / sizes,
        total(precision_sum(*levels, harmonic)) / sizes,
        inverse_rank,
        total(discounted_gain(above, tied, discounts)) / discounts[sizes],
        *(
            total(discounted_gain(above, tied, discounts, k)) / discounts[np.minimum(sizes, k)]
            for k in np.minimum(gains, len(discounts) - 1)
        ),
    ]


def cores():
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
