"""Approximate nearest neighbours by inverted lists in `keras.ops`: a function of a state of fixed shape."""

from typing import Any, NamedTuple

from keras import ops

from tfdml.checks import check_count
from tfdml.search.best import top_k
from tfdml.search.exact import as_float, check, differences, nearest_first, unit_rows
from tfdml.search.neighbors import Neighbors

BLOCK = 256  # rows that are read at a time for each query


class IVFState(NamedTuple):
    """What `ivf_neighbors` searches: arrays, tensors or variables; their shapes do not depend on the data.

    Args:
        centroids: `(lists, dim)`.
        starts: Integers `(lists + 1,)`: where each list begins, and where the last one ends.
        vectors: `(gallery, dim)`, list by list; after them the rows that are not active.
        offsets: `(gallery,)`: `|v|²/2` of each vector for Euclidean distances, else 0.
        ids: Integers `(gallery,)`: the place of each vector in the gallery.
    """

    centroids: Any
    starts: Any
    vectors: Any
    offsets: Any
    ids: Any


def ivf_neighbors(queries, state, k, *, probes=8, distance="euclidean", exclude=None):
    """The `k` nearest to each query among the rows of the lists that are near to it.

    Each query reads the same number of rows, those that `probes` lists of average length would hold: the
    whole of the nearest list, of the next, and so on until they are used up, which may be more short lists or
    fewer long ones. So no list is padded, however unequal they are, and all shapes are static but the number
    of queries: it runs in `tf.function`, under XLA and in a SavedModel, with the state in constants or
    variables. Memory is O(queries · (256 · dim + lists)).

    Gradients flow through the distances of what was found, to the queries and the vectors.

    Args:
        queries: `(queries, dim)`.
        state: `tfdml.search.IVFState`, as `tfdml.search.IVF(...).build(gallery).state`.
        k: Integer above 0.
        probes: Integer above 0: lists of average length that are read. Defaults to `8`.
        distance: What the state was built for, as in `tfdml.search.nearest_neighbors`. Defaults to
            `"euclidean"`.
        exclude: Integers `(queries,)`: the one row that each query may not find; -1 for none. Defaults to
            `None`.

    Returns:
        `tfdml.search.Neighbors` `(queries, k)`; distance infinity and index -1 where there are fewer.

    Example:

    >>> state = tfdml.search.IVF(lists=2).build(np.array([[0.0], [1.0], [8.0], [9.0]])).state
    >>> found = tfdml.search.ivf_neighbors(np.array([[8.25]]), state, k=2, probes=1)
    >>> keras.ops.convert_to_numpy(found.indices).tolist()
    [[2, 3]]
    """
    check(k, distance, 1)
    check_count("probes", probes)
    # By `reshape` a variable is read once, not in every turn of the loop.
    centroids, starts, vectors, offsets, ids = (ops.reshape(x, x.shape) for x in state)
    queries, vectors, centroids, offsets = as_float(queries, vectors, centroids, offsets)
    lists, size = centroids.shape[0], vectors.shape[0]
    if distance == "cosine":
        queries = unit_rows(queries)
    rows = min(-(-size * probes // lists), size)
    wanted = min(k + (exclude is not None), rows)
    read = schedule(ops.stop_gradient(queries), centroids, starts, min(2 * probes, lists), distance)
    scores, places = best_rows(ops.stop_gradient(queries), vectors, offsets, wanted, rows, *read)
    missing = scores == -float("inf")
    places = ops.where(missing, 0, places)
    indices = ops.take(ids, places, axis=0)
    if exclude is not None:
        missing = missing | (indices == ops.cast(exclude, "int32")[:, None])
    found = ops.take(vectors, places, axis=0)
    if "euclidean" in distance:
        distances = differences(queries, found, distance)
    else:
        products = ops.squeeze(ops.matmul(found, ops.expand_dims(queries, 2)), 2)
        distances = 1 - products if distance == "cosine" else -products
    distances = ops.where(missing, float("inf"), distances)
    distances, indices = nearest_first(distances, ops.where(missing, -1, indices), size)
    lack = max(k - wanted, 0)
    return Neighbors(
        ops.pad(distances[:, :k], ((0, 0), (0, lack)), constant_values=float("inf")),
        ops.pad(indices[:, :k], ((0, 0), (0, lack)), constant_values=-1),
    )


def schedule(queries, centroids, starts, lists, distance):
    """Which lists each query reads: where they begin, and how many rows have been read after each."""
    lengths = starts[1:] - starts[:-1]
    scores = ops.matmul(queries, ops.transpose(centroids))
    if "euclidean" in distance:
        scores = scores - ops.sum(ops.square(centroids), axis=1) / 2
    chosen = top_k(ops.where(lengths > 0, scores, -float("inf")), lists)[1]
    ends = ops.cumsum(ops.take(lengths, chosen, axis=0), axis=1)
    return ops.take(starts[:-1], chosen, axis=0), ends


def best_rows(queries, vectors, offsets, k, rows, starts, ends):
    """Scores `q·v - offset` and places `(queries, k)` of the best of the first `rows` rows of the lists."""
    block = min(BLOCK, rows)
    size = vectors.shape[0]
    begins = ops.concatenate([ops.zeros_like(ends[:, :1]), ends[:, :-1]], axis=1)
    # Within a list, the place of the n-th row that is read is n plus this.
    shifts = starts - begins
    steps = ops.concatenate([shifts[:, :1], shifts[:, 1:] - shifts[:, :-1]], axis=1)

    def merge(number, best):
        turn = number * block + ops.arange(block, dtype="int32")
        reached = turn[None, :, None] >= begins[:, None, :]
        places = turn + ops.sum(ops.where(reached, steps[:, None, :], 0), axis=2)
        usable = (turn < ops.minimum(ends[:, -1:], rows)) & (places < size)
        places = ops.where(usable, places, 0)
        scores = ops.squeeze(ops.matmul(ops.take(vectors, places, axis=0), ops.expand_dims(queries, 2)), 2)
        scores = ops.where(usable, scores - ops.take(offsets, places, axis=0), -float("inf"))
        scores, where = top_k(scores, min(k, block))
        places = ops.take_along_axis(places, where, axis=1)
        scores, places = (ops.concatenate(x, axis=1) for x in zip(best, (scores, places), strict=True))
        scores, where = top_k(scores, k)
        return scores, ops.take_along_axis(places, where, axis=1)

    nothing = ops.repeat(ops.zeros_like(queries[:, :1]), k, axis=1)
    return ops.fori_loop(0, -(-rows // block), merge, (nothing - float("inf"), ops.cast(nothing, "int32")))
