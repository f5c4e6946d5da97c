"""Exact retrieval figures in one pass over whole similarity rows, a few at a time."""

import numpy as np

from tfdml.checks import check_count
from tfdml.metrics.bootstrap import bootstrap
from tfdml.metrics.gallery import Gallery
from tfdml.metrics.inputs import check_above, check_choice, check_counts, read_sets
from tfdml.metrics.scores import DISTANCES, score_vectors


def retrieval(
    embeddings,
    labels,
    gallery=None,
    gallery_labels=None,
    *,
    recall_at=(1, 2, 4, 8),
    ndcg_at=(),
    distance="euclidean",
    tile=None,
    confidence=None,
    resample="classes",
    resamples=1000,
    seed=0,
):
    """How well the nearest neighbours of an embedding share its class, averaged over queries.

    Exact, without an index and without a matrix of all similarities. Each embedding is a query; the others,
    or the gallery if there is one, are ranked by distance. A query is never its own neighbour. Where
    distances are equal the figures are expected values over all orders of the equal ones, so that a collapsed
    embedding scores what chance gives. A query whose class has no other sample cannot succeed: it is dropped,
    and counted.

    Args:
        embeddings: `(queries, dim)`, an array or a tensor, computed with in float32. Or a `keras.Model`.
        labels: `(queries,)`, `(queries, 1)` or one-hot rows. With a model, a data set that it embeds, as
            `tfdml.metrics.embed` takes it.
        gallery: `(gallery, dim)` to search instead of the embeddings themselves. With a model, a data set.
            Defaults to `None`.
        gallery_labels: Labels of the gallery; none with a model. Defaults to `None`.
        recall_at: Integers above 0: the `k` of `recall@k`. Defaults to `(1, 2, 4, 8)`.
        ndcg_at: Integers above 0: the `k` of `ndcg@k`. Defaults to none.
        distance: `"euclidean"` or `"squared_euclidean"` (one ranking), `"cosine"`, or `"dot"` (largest
            first). Only `"cosine"` normalises. Defaults to `"euclidean"`.
        tile: Integer above 0: queries whose similarities to the whole gallery are held at a time by each
            thread. Defaults to as many as fit into 256 MB for all threads, from 64 to 512.
        confidence: Float between 0 and 1: adds the interval of each figure, by `tfdml.metrics.bootstrap`.
            Defaults to `None`, no intervals.
        resample: `"classes"` draws whole classes, for what the figures would be of other classes;
            `"queries"` draws queries, for other samples of these classes. Defaults to `"classes"`.
        resamples, seed: As in `tfdml.metrics.bootstrap`.

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
        - `"ndcg"`: `Σ_j [j-th is of the class] / log2(j + 1)` over the whole ranking, divided by its largest
          value, which has the `R` of the class first.
        - `"ndcg@k"`: the same of the first `k` ranks, with the `min(R, k)` first.
        - `"queries"`, `"queries_dropped"`: how many were averaged, and how many could not be.
        - `"intervals"`, with `confidence`: a dictionary of `(low, high)` by figure.

    Example:

    >>> embeddings = np.array([[0.0], [0.1], [1.0], [1.1], [5.0]])
    >>> figures = tfdml.metrics.retrieval(embeddings, [0, 0, 1, 1, 2])
    >>> figures["recall@1"], figures["map@r"], figures["queries"], figures["queries_dropped"]
    (1.0, 1.0, 4, 1)

    References: Musgrave et al., A Metric Learning Reality Check, ECCV 2020 (R-precision, MAP@R); McSherry and
    Najork, Computing information retrieval performance measures efficiently in the presence of tied scores,
    ECIR 2008; Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, TOIS 2002 (NDCG).
    """
    check_choice("resample", resample, ("classes", "queries"))
    if confidence is not None:
        check_above("confidence", confidence, below=1)
    values, labels = measured(embeddings, labels, gallery, gallery_labels, recall_at, ndcg_at, distance, tile)
    counted = ~np.isnan(values["mrr"])
    if not counted.any():
        raise ValueError(
            "Expected labels to give at least one query another sample of its class, "
            f"received: {len(counted)} queries without any"
        )
    figures = {name: float(value[counted].mean()) for name, value in values.items()}
    kept = int(np.count_nonzero(counted))
    figures.update(queries=kept, queries_dropped=len(counted) - kept)
    if confidence is None:
        return figures
    units = labels if resample == "classes" else None
    intervals = bootstrap(values, units, confidence=confidence, resamples=resamples, seed=seed)
    return {**figures, "intervals": intervals}


def retrieval_per_query(
    embeddings,
    labels,
    gallery=None,
    gallery_labels=None,
    *,
    recall_at=(1, 2, 4, 8),
    ndcg_at=(),
    distance="euclidean",
    tile=None,
):
    """The figures of `tfdml.metrics.retrieval` for each query: what it averages.

    Args:
        embeddings, labels, gallery, gallery_labels, recall_at, ndcg_at, distance, tile: As in
            `tfdml.metrics.retrieval`.

    Returns:
        A dictionary of float64 arrays `(queries,)` under the names of `tfdml.metrics.retrieval`, in the order
        of the embeddings. A query without another sample of its class has NaN.

    Example:

    >>> embeddings = np.array([[0.0], [0.4], [1.0], [1.1]])
    >>> tfdml.metrics.retrieval_per_query(embeddings, [0, 1, 0, 1])["mrr"].tolist()
    [0.5, 0.3333333333333333, 0.3333333333333333, 0.5]
    """
    return measured(embeddings, labels, gallery, gallery_labels, recall_at, ndcg_at, distance, tile)[0]


def measured(embeddings, labels, gallery, gallery_labels, recall_at, ndcg_at, distance, tile):
    """The figures of each query, and the labels of the queries."""
    ranks, gains = check_counts("recall_at", recall_at), check_counts("ndcg_at", ndcg_at)
    check_choice("distance", distance, DISTANCES)
    tile = None if tile is None else check_count("tile", tile)
    queries, labels, found, found_labels = read_sets(embeddings, labels, gallery, gallery_labels)
    pool = found is None
    found, found_labels = (queries, labels) if pool else (found, found_labels)
    queries, found = score_vectors(queries, found, distance)
    values = Gallery(found, found_labels).figures(queries, labels, pool, ranks, gains, tile)
    return values, labels
