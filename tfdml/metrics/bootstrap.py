"""Intervals by drawing again from what was measured."""

import numpy as np

from tfdml.checks import check_count
from tfdml.metrics.inputs import check_above, label_array

BLOCK = 2**21  # draws at a time


def bootstrap(values, labels=None, *, confidence=0.95, resamples=1000, seed=0):
    """The interval that holds the mean of another sample like this one, by resampling.

    Queries are drawn with replacement, as many as there are, and averaged; again and again. Queries of one
    class resemble each other, so that an interval over queries is too narrow where the question is what the
    model does with *other classes*: with `labels`, whole classes are drawn.

    Args:
        values: One number a query, `(queries,)`, or a dictionary of such arrays, such as that of
            `tfdml.metrics.retrieval_per_query`. Queries with NaN are left out. The difference of two models'
            values gives the interval of the difference.
        labels: Labels of the queries: classes are drawn. Defaults to `None`: queries are drawn.
        confidence: Float between 0 and 1: share of the resampled means within the interval. Defaults to
            `0.95`.
        resamples: Integer above 0: how often to draw. Defaults to `1000`.
        seed: Seed of the draws. Defaults to `0`.

    Returns:
        `(low, high)`, or a dictionary of them under the names of `values`.

    Formula: the quantiles `(1 - confidence) / 2` and `(1 + confidence) / 2` of the resampled means
    (percentile bootstrap); with classes, a mean is the sum over all queries of the classes drawn over their
    number.

    Example:

    >>> values = np.array([0.0, 1.0] * 50)
    >>> low, high = tfdml.metrics.bootstrap(values)
    >>> 0.38 < low < 0.5 < high < 0.62
    True

    Reference: Efron and Tibshirani, An Introduction to the Bootstrap, 1993.
    """
    check_above("confidence", confidence, below=1)
    check_count("resamples", resamples)
    named = values if isinstance(values, dict) else {"": values}
    table = np.stack([np.asarray(value, "float64") for value in named.values()], axis=1)
    counted = ~np.isnan(table).any(axis=1)
    units = np.arange(len(table)) if labels is None else label_array(labels, len(table))
    units = np.unique(units[counted], return_inverse=True)[1]
    sizes = np.bincount(units)
    if len(sizes) < 2:
        kind = "values to be of two queries" if labels is None else "labels to be of two classes"
        raise ValueError(f"Expected {kind} or more with a figure, received: {len(sizes)}")
    sums = np.stack([np.bincount(units, column) for column in table[counted].T], axis=1)
    totals = resampled(np.column_stack([sums, sizes]), resamples, np.random.default_rng(seed))
    ends = (1 - confidence) / 2, (1 + confidence) / 2
    lows, highs = np.quantile(totals[:, :-1] / totals[:, -1:], ends, axis=0).tolist()
    intervals = dict(zip(named, zip(lows, highs, strict=True), strict=True))
    return intervals if isinstance(values, dict) else intervals[""]


def resampled(rows, resamples, rng):
    """Sums of rows drawn with replacement, as many as there are: `(resamples, columns)`."""
    size, block = len(rows), max(1, BLOCK // len(rows))
    sums = []
    for start in range(0, resamples, block):
        draws = rng.integers(size, size=(min(block, resamples - start), size))
        draws += size * np.arange(len(draws))[:, None]
        counts = np.bincount(draws.ravel(), minlength=draws.size).reshape(draws.shape)
        sums.append(counts @ rows)
    return np.concatenate(sums)
