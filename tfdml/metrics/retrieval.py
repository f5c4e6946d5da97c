"""Exact retrieval figures in one pass over whole similarity rows, a few at a time."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from tfdml.metrics.inputs import embedding_array, label_array
from tfdml.metrics.scores import score_vectors
from tfdml.metrics.ties import first_relevant, precision_sum, relevant_within

DISTANCES = "euclidean", "squared_euclidean", "cosine", "dot"
ROWS_BYTES = 2**25  # similarities that a thread holds at a time, where `tile` says nothing else
TILES = 64, 512  # fewest and most rows of such a default: fewer starve the matrix product, more gain nothing


def retrieval(
    embeddings,
    labels,
    gallery=None,
    gallery_labels=None,
    *,
    recall_at=(1, 2, 4, 8),
    distance="euclidean",
    tile=None,
):
    """How well the nearest neighbours of an embedding share its class, averaged over queries.

    Exact, without an index and without a matrix of all similarities. Each embedding is a query; the others,
    or the gallery if there is one, are ranked by distance. A query is never its own neighbour. Where
    distances are equal the figures are expected values over all orders of the equal ones, so that a collapsed
    embedding scores what chance gives. A query whose class has no other sample cannot succeed: it is dropped,
    and counted.

    Args:
        embeddings: `(queries, dim)`, an array or a tensor. Computed with in float32.
        labels: `(queries,)`, `(queries, 1)` or one-hot rows.
        gallery: `(gallery, dim)` to search instead of the embeddings themselves. Defaults to `None`.
        gallery_labels: Labels of the gallery. Defaults to `None`.
        recall_at: Integers above 0: the `k` of `recall@k`. Defaults to `(1, 2, 4, 8)`.
        distance: `"euclidean"` or `"squared_euclidean"` (one ranking), `"cosine"`, or `"dot"` (largest
            first). Only `"cosine"` normalises. Defaults to `"euclidean"`.
        tile: Integer above 0: queries whose similarities to the whole gallery are held at a time by each
            thread. Defaults to as many as fit into 32 MB.

    Returns:
        A dictionary of floats, each the mean over queries, and two counts. `R` is the number of gallery items
        of the query's class, the query itself not counted.

        - `"recall@k"`: is *any* of the `k` nearest of the class? The recall of the metric-learning papers.
        - `"precision@1"`: share of the one nearest that is of the class. Equal to `recall@1` by definition,
          while the precision and the recall of more neighbours differ.
        - `"r_precision"`: share of the `R` nearest that are of the class.
        - `"map@r"`: `1/R · Σ_{j <= R} precision@j · [j-th is of the class]`. Never above `r_precision`.
        - `"map"`: the same sum over the whole ranking.
        - `"mrr"`: inverse rank of the nearest of the class.
        - `"queries"`, `"queries_dropped"`: how many were averaged, and how many could not be.

    Example:

    >>> embeddings = np.array([[0.0], [0.1], [1.0], [1.1], [5.0]])
    >>> figures = tfdml.metrics.retrieval(embeddings, [0, 0, 1, 1, 2])
    >>> figures["recall@1"], figures["map@r"], figures["queries"], figures["queries_dropped"]
    (1.0, 1.0, 4, 1)

    References: Musgrave et al., A Metric Learning Reality Check, ECCV 2020 (R-precision, MAP@R); McSherry and
    Najork, Computing information retrieval performance measures efficiently in the presence of tied scores,
    ECIR 2008.
    """
    values = retrieval_per_query(
        embeddings, labels, gallery, gallery_labels, recall_at=recall_at, distance=distance, tile=tile
    )
    counted = ~np.isnan(values["mrr"])
    if not counted.any():
        raise ValueError(
            "Expected labels to give at least one query another sample of its class, "
            f"received: {len(counted)} queries without any"
        )
    figures = {name: float(value[counted].mean()) for name, value in values.items()}
    kept = int(np.count_nonzero(counted))
    return {**figures, "queries": kept, "queries_dropped": len(counted) - kept}


def retrieval_per_query(
    embeddings,
    labels,
    gallery=None,
    gallery_labels=None,
    *,
    recall_at=(1, 2, 4, 8),
    distance="euclidean",
    tile=None,
):
    """The figures of `tfdml.metrics.retrieval` for each query: what it averages.

    Args:
        embeddings, labels, gallery, gallery_labels, recall_at, distance, tile: As in
            `tfdml.metrics.retrieval`.

    Returns:
        A dictionary of float64 arrays `(queries,)` under the names of `tfdml.metrics.retrieval`, in the order
        of the embeddings. A query without another sample of its class has NaN.

    Example:

    >>> embeddings = np.array([[0.0], [0.4], [1.0], [1.1]])
    >>> tfdml.metrics.retrieval_per_query(embeddings, [0, 1, 0, 1])["mrr"].tolist()
    [0.5, 0.3333333333333333, 0.3333333333333333, 0.5]
    """
    recall_at, tile = checked(recall_at, distance, tile)
    queries = embedding_array(embeddings)
    labels = label_array(labels, len(queries))
    pool = gallery is None
    if pool != (gallery_labels is None):
        raise ValueError("Expected gallery and gallery_labels to be given together, received: one of them")
    found = queries if pool else embedding_array(gallery, "gallery")
    found_labels = labels if pool else label_array(gallery_labels, len(found), "gallery_labels")
    if found.shape[1] != queries.shape[1]:
        raise ValueError(
            f"Expected gallery to have {queries.shape[1]} columns like embeddings, received: {found.shape[1]}"
        )
    queries, found = score_vectors(queries, found, distance)
    return Gallery(found, found_labels).figures(queries, labels, pool, recall_at, tile)


def checked(recall_at, distance, tile):
    """The arguments of a retrieval as they are used, or an error that names the wrong one."""
    ranks = np.asarray(recall_at)
    if ranks.ndim != 1 or not np.issubdtype(ranks.dtype, np.integer) or (ranks < 1).any():
        raise ValueError(f"Expected recall_at to be integers above 0, received: {recall_at!r}")
    if distance not in DISTANCES:
        raise ValueError(f"Expected distance to be one of {', '.join(DISTANCES)}, received: {distance!r}")
    if tile is not None and not (isinstance(tile, int | np.integer) and tile > 0):
        raise ValueError(f"Expected tile to be an integer above 0, received: {tile!r}")
    return ranks, tile


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

    def figures(self, queries, labels, pool, ranks, tile):
        """Figures of each query; `pool` says that query `i` is gallery item `i`."""
        first = np.searchsorted(self.labels, labels, side="left")
        last = np.searchsorted(self.labels, labels, side="right")
        usable = np.flatnonzero(last - first - pool > 0)
        harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, self.size + 1))])
        names = [*(f"recall@{k}" for k in ranks), "precision@1", "r_precision", "map@r", "map", "mrr"]
        values = {name: np.full(len(queries), np.nan) for name in names}
        tile = tile or int(np.clip(ROWS_BYTES // (4 * self.size), *TILES))
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
                for name, value in zip(names, block_figures(counts, ranks, harmonic), strict=True):
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
    relevant = np.sort(relevant[relevant > -np.inf])
    reach = row >= relevant[0]
    # Picking out what matters costs half as much as sorting it all; it pays while little is picked.
    rivals = np.sort(row if 2 * np.count_nonzero(reach) > len(row) else row.compress(reach))
    above, tied = above_and_tied(rivals, relevant)
    return above, tied, *above_and_tied(relevant, relevant)


def above_and_tied(items, levels):
    """How many of the sorted `items` lie above each level, and how many at it."""
    above = len(items) - np.searchsorted(items, levels, side="right")
    return above, len(items) - np.searchsorted(items, levels, side="left") - above


def block_figures(counts, ranks, harmonic):
    """Recall at each of `ranks`, precision@1, R-precision, MAP@R, MAP, MRR: each `(queries,)`."""
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
    ]


def cores():
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
