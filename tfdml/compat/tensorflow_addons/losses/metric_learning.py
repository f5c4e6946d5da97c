"""Distances between all samples of a batch."""

from keras import ops

from tfdml.ops import cosine, pairwise_distances
from tfdml.ops.pairs import self_pairs

__all__ = ["angular_distance", "pairwise_distance"]


def pairwise_distance(feature, squared=False):
    """Euclidean distances between all rows.

    Args:
        feature: `(batch, dim)`.
        squared: Whether to give their squares. Defaults to `False`.

    Output: `(batch, batch)`, zero on the diagonal. Distances below the rounding error of their squares count
        as zero, with a gradient of zero.

    Example:

    >>> from tfdml.compat import tensorflow_addons as tfa
    >>> distance = tfa.losses.metric_learning.pairwise_distance(np.array([[0.0, 0.0], [3.0, 4.0]]))
    >>> keras.ops.convert_to_numpy(distance).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    distance = pairwise_distances(feature, feature, "squared_euclidean" if squared else "euclidean")
    return ops.where(self_pairs(distance), 0, distance)


def angular_distance(feature):
    """One minus the cosines of the angles between all rows, at least zero.

    A row of zeros has the distance one to all. Addons does not scale rows shorter than 1e-6 up to length one;
    here that ends at 1e-12.

    Args:
        feature: `(batch, dim)`.

    Output: `(batch, batch)`.

    Example:

    >>> from tfdml.compat import tensorflow_addons as tfa
    >>> distance = tfa.losses.metric_learning.angular_distance(np.array([[2.0, 0.0], [0.0, 3.0]]))
    >>> keras.ops.convert_to_numpy(distance).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    return ops.relu(cosine(feature, feature))


METRICS = {
    "L2": pairwise_distance,
    "squared-L2": lambda feature: pairwise_distance(feature, squared=True),
    "angular": angular_distance,
}


def distance_matrix(embeddings, distance_metric):
    """Distances by a name of Addons, or by a function from embeddings to distances."""
    if callable(distance_metric):
        return distance_metric(embeddings)
    if distance_metric not in METRICS:
        names = ", ".join(repr(name) for name in METRICS)
        raise ValueError(
            f"Expected distance_metric to be one of {names} or a function, received: {distance_metric!r}"
        )
    return METRICS[distance_metric](embeddings)
