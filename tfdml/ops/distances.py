"""Distances and similarities between every query and every key, in float32 at least."""

from keras import ops

from tfdml.ops.safe import at_least_float32, l2_normalize, machine_epsilon, safe_sqrt


def squared_euclidean(queries, keys):
    """Squared Euclidean distances `(queries, keys)` of `(queries, dim)` and `(keys, dim)`.

    Distances below the rounding error of the expanded square count as zero.
    """
    squared, apart = _expanded_square(queries, keys)
    return ops.where(apart, squared, 0)


def euclidean(queries, keys):
    """Euclidean distances `(queries, keys)`; the gradient is 0 where two points coincide."""
    return safe_sqrt(*_expanded_square(queries, keys))


def _expanded_square(queries, keys):
    """`|q|² + |k|² - 2 q·k`, and where it is more than its rounding error."""
    queries, keys = at_least_float32(queries), at_least_float32(keys)
    # The expanded square loses digits to whatever offset all points share. It is the mean of the queries, of
    # which there may be far fewer, rounded: points on a grid stay there and equal distances stay equal.
    center = ops.stop_gradient(ops.round(ops.mean(queries, axis=0)))
    queries, keys = queries - center, keys - center
    norms = ops.sum(ops.square(queries), axis=1)[:, None] + ops.sum(ops.square(keys), axis=1)[None, :]
    squared = norms - ops.matmul(2 * queries, ops.transpose(keys))
    return squared, squared > machine_epsilon(squared) * norms


def dot_product(queries, keys):
    """Inner products `(queries, keys)` of `(queries, dim)` and `(keys, dim)`."""
    return ops.matmul(at_least_float32(queries), ops.transpose(at_least_float32(keys)))


def cosine_similarity(queries, keys):
    """Cosines `(queries, keys)` of the angles; 0 for a zero vector, with a gradient of 0."""
    return dot_product(l2_normalize(at_least_float32(queries)), l2_normalize(at_least_float32(keys)))


def cosine(queries, keys):
    """Cosine distances `1 - cos`, `(queries, keys)`, between 0 and 2 up to rounding."""
    return 1 - cosine_similarity(queries, keys)


DISTANCES = {"euclidean": euclidean, "squared_euclidean": squared_euclidean, "cosine": cosine}


def pairwise_distances(queries, keys, distance="euclidean"):
    """Distances between every query and every key.

    Args:
        queries: `(queries, dim)`.
        keys: `(keys, dim)`.
        distance: `"euclidean"`, `"squared_euclidean"`, `"cosine"` (one minus the cosine), or a function
            of queries and keys. Defaults to `"euclidean"`.

    Output: `(queries, keys)`, in float32 at least.

    Example:

    >>> points = np.array([[0.0, 0.0], [3.0, 4.0]])
    >>> keras.ops.convert_to_numpy(tfdml.ops.pairwise_distances(points, points)).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    return at_least_float32(distance_function(distance)(queries, keys))


def distance_function(distance):
    """The function of queries and keys that `distance`, a name or a function, stands for."""
    if callable(distance):
        return distance
    if not isinstance(distance, str) or distance not in DISTANCES:
        allowed = ", ".join(repr(name) for name in DISTANCES)
        raise ValueError(f"Expected distance to be one of {allowed} or a function, received: {distance!r}")
    return DISTANCES[distance]
