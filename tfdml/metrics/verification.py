"""Same or different: figures of a threshold on distances, and its choice."""

import numpy as np

from tfdml.checks import check_count
from tfdml.metrics.inputs import check_above, check_choice, read_sets
from tfdml.metrics.pairs import levels_of_pairs, levels_of_sets
from tfdml.metrics.scores import DISTANCES

CRITERIA = "eer", "f1", "accuracy"


def verification(
    embeddings,
    labels,
    gallery=None,
    gallery_labels=None,
    *,
    pairs=None,
    far=(0.1, 0.01, 0.001),
    distance="euclidean",
    tile=None,
):
    """How well a threshold on the distance tells pairs of one class from pairs of two.

    Over all pairs of two samples, or of a query and a gallery item, or over given pairs. Exact: every pair is
    counted, tile by tile, and never a matrix of all held. Memory is that of the tiles and of some 40 bytes a
    pair of one class.

    Args:
        embeddings: `(samples, dim)`, an array or a tensor, computed with in float64. Or a `keras.Model`.
        labels: `(samples,)`, `(samples, 1)` or one-hot rows. With a model, a data set that it embeds.
        gallery, gallery_labels: The other side of the pairs. With a model, a data set and `None`. Default to
            `None`: the pairs are those within the embeddings, each once.
        pairs: Integers `(pairs, 2)`: places of the two samples among the embeddings, or of one among the
            embeddings and one in the gallery. Defaults to `None`, all pairs.
        far: Floats between 0 and 1: false acceptance rates. Defaults to `(0.1, 0.01, 0.001)`.
        distance: `"euclidean"`, `"squared_euclidean"`, `"cosine"`, or `"dot"`, minus the inner product.
            Defaults to `"euclidean"`.
        tile: Integer above 0: rows and columns of the distances that a thread holds. Defaults to `2048`.

    Returns:
        A dictionary of floats and two counts. The true acceptance rate (TAR) is the share of the pairs of one
        class that a threshold accepts, the false acceptance rate (FAR) that of the pairs of two.

        - `"auc"`: probability that a pair of one class is nearer than a pair of two, ties counted as half.
        - `"eer"`: the rate at which as many pairs of two classes are accepted as of one class are refused.
        - `"tar@far=0.01"`: the largest TAR of a threshold whose FAR is not above this.
        - `"positive_pairs"`, `"negative_pairs"`: numbers of pairs of one class, and of two.

    Example:

    >>> embeddings = np.array([[0.0], [0.1], [1.0], [1.1]])
    >>> figures = tfdml.metrics.verification(embeddings, [0, 0, 1, 1], far=[0.01])
    >>> figures["auc"], figures["eer"], figures["tar@far=0.01"], figures["positive_pairs"]
    (1.0, 0.0, 1.0, 2)
    """
    rates = [check_above("far", rate, below=1) for rate in np.ravel(far).tolist()]
    levels = levels_of(embeddings, labels, gallery, gallery_labels, pairs, distance, tile)
    return {
        "auc": area(levels),
        "eer": equal_error(*corners(levels)[:2]),
        **{f"tar@far={rate:g}": acceptance(levels, rate) for rate in rates},
        "positive_pairs": levels.positive_pairs,
        "negative_pairs": levels.negative_pairs,
    }


def roc(
    embeddings,
    labels,
    gallery=None,
    gallery_labels=None,
    *,
    pairs=None,
    distance="euclidean",
    tile=None,
):
    """The corners of the receiver operating characteristic of a threshold on the distance.

    Args:
        embeddings, labels, gallery, gallery_labels, pairs, distance, tile: As in
            `tfdml.metrics.verification`.

    Returns:
        A dictionary of float64 arrays of one length: `"far"` and `"tar"`, from (0, 0) to (1, 1), and
        `"threshold"`: distances up to it are accepted. Straight lines between the points are the exact curve;
        a slanted one is a tie, and its area is `"auc"` of `tfdml.metrics.verification`.

    Example:

    >>> curve = tfdml.metrics.roc(np.array([[0.0], [1.0], [3.0]]), [0, 0, 1])
    >>> curve["far"].tolist(), curve["tar"].tolist()
    ([0.0, 0.0, 1.0], [0.0, 1.0, 1.0])
    """
    far, tar, threshold = corners(
        levels_of(embeddings, labels, gallery, gallery_labels, pairs, distance, tile)
    )
    kept = np.r_[True, (np.diff(far) != 0) | (np.diff(tar) != 0)]
    return {"far": far[kept], "tar": tar[kept], "threshold": threshold[kept]}


def calibrate_threshold(
    embeddings,
    labels,
    gallery=None,
    gallery_labels=None,
    *,
    at=0.001,
    pairs=None,
    distance="euclidean",
    tile=None,
):
    """The distance up to which two samples are best held to be of one class.

    Args:
        embeddings, labels, gallery, gallery_labels, pairs, distance, tile: As in
            `tfdml.metrics.verification`. Use samples that were not trained on, best of other classes.
        at: A float between 0 and 1: the false acceptance rate that is not exceeded. `"eer"`: as many errors
            of one kind as of the other, in rates. `"f1"`, `"accuracy"`: the best F1 or accuracy over the
            pairs; both depend on how many pairs are of one class. Defaults to `0.001`.

    Returns:
        A dictionary of floats: `"threshold"`, in the units of the distance, and what it gives on these pairs:
        `"far"`, `"tar"`, `"f1"` and `"accuracy"`. The threshold is minus infinity where the best is to accept
        nothing.

    Example:

    >>> embeddings = np.array([[0.0], [0.25], [1.0], [1.5]])
    >>> found = tfdml.metrics.calibrate_threshold(embeddings, [0, 0, 1, 1], at="f1")
    >>> round(found["threshold"], 3), found["tar"], found["far"]
    (0.5, 1.0, 0.0)
    """
    if at not in CRITERIA:
        if isinstance(at, str):
            raise ValueError(f"Expected at to be a number or one of {', '.join(CRITERIA)}, received: {at!r}")
        at = check_above("at", at, below=1)
    levels = levels_of(embeddings, labels, gallery, gallery_labels, pairs, distance, tile)
    # In front of the levels: to accept nothing.
    accepted, mistaken = (np.r_[0, x] for x in (np.cumsum(levels.positives), levels.at_most))
    positives, negatives = levels.positive_pairs, levels.negative_pairs
    tar, far = accepted / positives, mistaken / negatives
    f1 = 2 * accepted / (positives + accepted + mistaken)
    accuracy = (accepted + negatives - mistaken) / (positives + negatives)
    if isinstance(at, float):
        best = np.searchsorted(far, at, side="right") - 1
    else:
        best = np.argmax({"eer": -np.abs(far - (1 - tar)), "f1": f1, "accuracy": accuracy}[at])
    figures = {"far": far, "tar": tar, "f1": f1, "accuracy": accuracy}
    return {
        "threshold": float(np.r_[-np.inf, levels.thresholds[:, 1]][best]),
        **{name: float(values[best]) for name, values in figures.items()},
    }


def levels_of(embeddings, labels, gallery, gallery_labels, pairs, distance, tile):
    """`Levels` of the pairs that the arguments stand for."""
    check_choice("distance", distance, DISTANCES)
    tile = None if tile is None else check_count("tile", tile)
    sets = read_sets(embeddings, labels, gallery, gallery_labels)
    if pairs is None:
        return levels_of_sets(*sets, distance, tile)
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer):
        form = f"{pairs.dtype} of shape {pairs.shape}"
        raise ValueError(f"Expected pairs to be integers of shape (pairs, 2), received: {form}")
    limits = len(sets[0]), len(sets[0] if sets[2] is None else sets[2])
    if (pairs < 0).any() or (pairs >= limits).any():
        raise ValueError(
            f"Expected pairs to be places below {limits[0]} and {limits[1]}, "
            f"received: {pairs.min()} to {pairs.max()}"
        )
    return levels_of_pairs(*sets, pairs, distance, tile)


def area(levels):
    """Area under the curve, from whole numbers."""
    farther = 2 * levels.negative_pairs - levels.at_most - levels.below  # those as near count half
    return float(levels.positives @ (farther / (2 * levels.negative_pairs)) / levels.positive_pairs)


def acceptance(levels, rate):
    """The largest true acceptance rate whose false one is not above `rate`."""
    reached = np.searchsorted(levels.far, rate, side="right")
    return float(levels.tar[reached - 1]) if reached else 0.0


def corners(levels):
    """False and true acceptance rates, and thresholds, before and at each level, and at both ends."""
    tar, far = levels.tar, levels.far
    before = np.stack([levels.below / levels.negative_pairs, np.r_[0, tar[:-1]]], axis=1)
    points = np.stack([before, np.stack([far, tar], axis=1)], axis=1).reshape(-1, 2)
    thresholds = np.r_[-np.inf, levels.thresholds.ravel(), np.inf]
    return np.r_[0, points[:, 0], 1], np.r_[0, points[:, 1], 1], thresholds


def equal_error(far, tar):
    """Where the curve meets the line of equal errors."""
    surplus = far - (1 - tar)  # grows along the curve, from -1 to 1
    after = np.argmax(surplus >= 0)
    share = -surplus[after - 1] / (surplus[after] - surplus[after - 1])
    return float(far[after - 1] + share * (far[after] - far[after - 1]))
