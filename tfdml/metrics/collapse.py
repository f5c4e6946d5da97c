"""Whether an embedding still spreads out, and whether triplets are left to learn from."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from tfdml.checks import check_count
from tfdml.metrics.gallery import cores
from tfdml.metrics.inputs import check_above, check_choice, read_samples
from tfdml.metrics.keys import Keys, unit_rows

DISTANCES = "euclidean", "squared_euclidean", "cosine"
BYTES = 2**26  # distances that a thread holds at a time, where `tile` says nothing else


def collapse(embeddings, labels, *, margin=0.1, distance="euclidean", tile=None):
    """Signs of a collapse: embeddings that point one way, fill few dimensions, or leave nothing to learn.

    Args:
        embeddings: `(samples, dim)`, an array or a tensor of two samples or more. Or a `keras.Model`.
        labels: `(samples,)`, `(samples, 1)` or one-hot rows. With a model, a data set that it embeds.
        margin: Float above 0: that of the triplets. Defaults to `0.1`.
        distance: `"euclidean"`, `"squared_euclidean"` or `"cosine"`, that of the triplets. Defaults to
            `"euclidean"`.
        tile: Integer above 0: anchors whose distances to all samples a thread holds at a time. Defaults to as
            many as fit into 64 MB, and no fewer than 64.

    Returns:
        A dictionary of floats.

        - `"mean_similarity"`: mean cosine over all pairs of two samples. 1 if all embeddings point one way,
          near 0 if they are spread over a sphere of many dimensions.
        - `"effective_rank"`: `exp(-Σ p log p)` of the singular values of the matrix of embeddings, `p` their
          shares: from 1, where all lie on one line through the origin, to the dimension. 0 if all are zero.
        - `"active_triplets"`: share of the triplets with `d(a, p) - d(a, n) + margin > 0`, over all anchors,
          positives and negatives. 1 where all embeddings coincide, 0 where no triplet has a gradient, or none
          exists. No triplet is formed: each row of distances is sorted.

    Example:

    >>> collapsed = tfdml.metrics.collapse(np.ones((4, 2)), [0, 0, 1, 1])
    >>> {name: round(value, 6) for name, value in collapsed.items()}
    {'mean_similarity': 1.0, 'effective_rank': 1.0, 'active_triplets': 1.0}

    References: Roy and Vetterli, The effective rank, EUSIPCO 2007; Garrido et al., RankMe, ICML 2023.
    """
    check_above("margin", margin)
    check_choice("distance", distance, DISTANCES)
    tile = None if tile is None else check_count("tile", tile)
    embeddings, labels = read_samples(embeddings, labels)
    if len(embeddings) < 2:
        raise ValueError("Expected embeddings to be of two samples or more, received: 1")
    return {
        "mean_similarity": mean_similarity(embeddings),
        "effective_rank": effective_rank(embeddings),
        "active_triplets": active_triplets(embeddings, labels, margin, distance, tile),
    }


def mean_similarity(embeddings):
    """Mean cosine over all pairs: from the sum of all unit vectors, without any pair."""
    unit = unit_rows(embeddings.astype("float64"))
    pairs = len(unit) * (len(unit) - 1)
    return float((np.sum(unit.sum(axis=0) ** 2) - np.sum(unit**2)) / pairs)


def effective_rank(embeddings):
    """Exponential of the entropy of the shares of the singular values."""
    largest = np.abs(embeddings).max()
    if not largest:
        return 0.0
    x = embeddings.astype("float64") / largest
    gram = x.T @ x if x.shape[0] >= x.shape[1] else x @ x.T
    squares = np.linalg.eigvalsh(gram)
    # Rounding leaves directions that do not exist a little variance.
    squares = squares[squares > squares[-1] * len(gram) * np.finfo("float64").eps]
    shares = np.sqrt(squares) / np.sqrt(squares).sum()
    return float(np.exp(-np.sum(shares * np.log(shares))))


def active_triplets(embeddings, labels, margin, distance, tile):
    """Share of all triplets that lose something."""
    order = np.argsort(labels, kind="stable")
    labels = labels[order]
    keys = Keys.of(embeddings[order], None, distance)
    first, last = (np.searchsorted(labels, labels, side) for side in ("left", "right"))
    positives, samples = last - first - 1, len(labels)
    triplets = int(np.sum(positives * (samples - positives - 1)))
    if not triplets:
        return 0.0
    tile = tile or int(np.clip(BYTES // (12 * samples), 64, 512))
    starts = iter(range(0, samples, tile))

    def work(_):
        active = 0
        for start in starts:  # shared: each thread takes the next block that nobody has taken
            rows = np.arange(start, min(start + tile, samples))
            for row, line in zip(rows, keys.product(rows, slice(None)), strict=True):
                i, j = first[row], last[row]
                if j - i == 1:
                    continue
                own = np.sort(line[i:j])
                reach = keys.keys(keys.distances(np.delete(line[i:j], row - i)) + margin)
                near = np.sort(line.compress(line < reach.max()))
                # Its own class is within reach as well: what is nearer of it is no negative.
                active += int((np.searchsorted(near, reach) - np.searchsorted(own, reach)).sum())
        return active

    threads = max(1, min(cores(), -(-samples // tile)))
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(work, range(threads))) / triplets
