"""Exact nearest neighbours in `keras.ops`: the search that trains, serves and is exported."""

import keras
from keras import ops

from tfdml.checks import check_count
from tfdml.search.neighbors import Neighbors

DISTANCES = "euclidean", "squared_euclidean", "cosine", "dot"


def nearest_neighbors(queries, gallery, k, *, distance="euclidean", exclude=None, active=None, tile=8192):
    """The `k` nearest of a gallery to each query, exactly.

    The gallery is read tile by tile and only the best `k` so far are kept: memory is
    O(queries · (tile + k)), and O(queries · k · dim) for Euclidean distances, which are computed again from
    the differences, so that an embedding is at distance zero of itself. All shapes are static but the number
    of queries, which may be unknown: it runs in `tf.function`, under XLA, and in a SavedModel.

    Gradients flow through the distances of what was found, none through the choice. Candidates are compared
    by the expanded square `q·g - |g|²/2`: where a large common offset would use up the digits of float32,
    take it away first.

    Args:
        queries: `(queries, dim)`.
        gallery: `(gallery, dim)`, its shape known.
        k: Integer above 0. More than there is to find is cut to the size of the gallery, or to one less with
            `exclude`.
        distance: `"euclidean"`, `"squared_euclidean"`, `"cosine"` (one minus the cosine; a vector of zeros is
            at distance 1 of everything), or `"dot"` (minus the dot product). Only `"cosine"` normalises.
            Defaults to `"euclidean"`.
        exclude: Integers `(queries,)`: the one gallery item that each query may not find, as itself; -1 for
            none. Defaults to `None`.
        active: Booleans `(gallery,)`: which items may be found, for sets of fixed capacity that are not full.
            `k` is a shape and is not cut to their number: where fewer are active, the rest is at distance
            infinity and index -1. Defaults to `None`: all.
        tile: Integer above 0: gallery items that are compared at a time. Defaults to `8192`.

    Returns:
        `tfdml.search.Neighbors`: distances `(queries, k)`, float32 at least, nearest first, and indices
        `(queries, k)`, int32. Of equal distances the lower index comes first.

    Example:

    >>> gallery = np.array([[0.0], [1.0], [3.0]], "float32")
    >>> distances, indices = tfdml.search.nearest_neighbors(gallery, gallery, 1, exclude=np.arange(3))
    >>> keras.ops.convert_to_numpy(indices).tolist()
    [[1], [0], [1]]
    """
    check(k, distance, tile)
    queries, gallery = as_float(queries, gallery)
    if len(gallery.shape) != 2 or None in gallery.shape or 0 in gallery.shape:
        raise ValueError(
            f"Expected gallery to be of a known shape (gallery, dim), received: {tuple(gallery.shape)}"
        )
    if len(queries.shape) != 2 or queries.shape[1] != gallery.shape[1]:
        raise ValueError(
            f"Expected queries to be of shape (queries, {gallery.shape[1]}), received: {tuple(queries.shape)}"
        )
    size = gallery.shape[0]
    gallery = ops.reshape(gallery, gallery.shape)  # a variable is read once, not in every turn of the loop
    exclude = None if exclude is None else ops.cast(exclude, "int32")
    if active is not None:
        active = ops.cast(active, "bool")
        if tuple(active.shape) != (size,):
            raise ValueError(f"Expected active to be of shape ({size},), received: {tuple(active.shape)}")
    k = min(k, size - (exclude is not None))
    if k == 0:
        raise ValueError("Expected gallery to hold an item that exclude leaves, received: gallery of 1")
    if distance == "cosine":
        queries, gallery = unit_rows(queries), unit_rows(gallery)
    euclidean = "euclidean" in distance
    scores, indices = best_scores(
        queries, gallery, k + (exclude is not None), euclidean, active, min(tile, size)
    )
    if exclude is not None:
        # One more was found, for the one that is taken out: cheaper than a mask of queries and gallery.
        scores = ops.where(indices == exclude[:, None], -float("inf"), scores)
        scores, places = top_k(scores, k)
        indices = ops.take_along_axis(indices, places, axis=1)
    missing = False if active is None else scores == -float("inf")
    distances = found_distances(queries, gallery, scores, ops.where(missing, 0, indices), distance)
    if active is not None:
        distances = ops.where(missing, float("inf"), distances)
        indices = ops.where(missing, -1, indices)
    return nearest_first(distances, indices, size) if euclidean else Neighbors(distances, indices)


def check(k, distance, tile):
    """Refuses arguments that no search could use."""
    check_count("k", k)
    check_count("tile", tile)
    if distance not in DISTANCES:
        raise ValueError(f"Expected distance to be one of {', '.join(DISTANCES)}, received: {distance!r}")


def as_float(*tensors):
    """Tensors of one float type, float32 at least."""
    tensors = [ops.convert_to_tensor(x) for x in tensors]
    dtype = keras.backend.result_type(*(x.dtype for x in tensors), "float32")
    return [ops.cast(x, dtype) for x in tensors]


def unit_rows(x):
    """Rows of length 1; a row of zeros stays as it is."""
    # Divided by the largest entry first: squares of huge or tiny entries do not fit into float32.
    largest = ops.max(ops.abs(x), axis=1, keepdims=True, initial=0)
    x = x / ops.where(largest > 0, largest, 1)
    squared = ops.sum(ops.square(x), axis=1, keepdims=True)
    return x / ops.sqrt(ops.where(squared > 0, squared, 1))


def best_scores(queries, gallery, k, euclidean, active, tile):
    """The `k` largest dot products, or for `euclidean` the largest `q·g - |g|²/2`, and where they are."""
    size, dim = gallery.shape

    def candidates(start, first_new):
        columns = start + ops.arange(tile, dtype="int32")
        usable = columns >= first_new
        block = ops.slice(gallery, (start, 0), (tile, dim))
        if active is not None:
            usable = usable & ops.slice(active, (start,), (tile,))
            block = ops.where(ops.expand_dims(usable, 1), block, 0)  # whatever is in places that are not used
        scores = ops.einsum("qd,td->qt", queries, block)
        less = ops.sum(ops.square(block), axis=1) / 2 if euclidean else ops.zeros(tile, scores.dtype)
        scores = scores - ops.where(usable, less, float("inf"))
        scores, places = top_k(scores, min(k, tile))
        return scores, start + places

    return best_of_tiles(candidates, size, tile, k, ops.zeros_like(queries[:, :1]))


def best_of_tiles(candidates, size, tile, k, zeros):
    """The `k` best scores of each query over all tiles, and their places, both `(queries, k)`.

    Args:
        candidates: Function of the place where a tile starts and of the first place in it that is new; it
            gives scores and places of the best that are new, `(queries, up to k)`.
        size: Number of items.
        tile: Items of a tile, up to `size`.
        k: Integer above 0.
        zeros: `(queries, 1)`, of the type of the scores.
    """
    if tile == size:
        return candidates(0, 0)

    def merge(number, best):
        first_new = number * tile
        # The last tile is moved back to end with the items; what it repeats is masked.
        found = candidates(ops.minimum(first_new, size - tile), first_new)
        scores, indices = (ops.concatenate(pair, axis=1) for pair in zip(best, found, strict=True))
        scores, places = top_k(scores, k)
        return scores, ops.take_along_axis(indices, places, axis=1)

    nothing = ops.repeat(zeros, k, axis=1)
    return ops.fori_loop(0, -(-size // tile), merge, (nothing - float("inf"), ops.cast(nothing, "int32")))


def top_k(scores, k):
    """The `k` largest of each row; of equal ones the first."""
    if keras.backend.backend() == "torch":  # its own top_k takes equal values in any order
        places = ops.argsort(-scores, axis=1)[:, :k]
        return ops.take_along_axis(scores, places, axis=1), ops.cast(places, "int32")
    scores, places = ops.top_k(scores, k)
    return scores, ops.cast(places, "int32")


def found_distances(queries, gallery, scores, indices, distance):
    """Distances of what was found: from the scores, or the Euclidean ones from the differences."""
    if distance == "dot":
        return -scores
    if distance == "cosine":
        return 1 - scores
    return differences(queries, ops.take(gallery, indices, axis=0), distance)


def differences(queries, found, distance):
    """Euclidean distances `(queries, k)` to what each found, `(queries, k, dim)`, squared if so asked."""
    distances = ops.sum(ops.square(queries[:, None, :] - found), axis=2)
    if distance == "squared_euclidean":
        return distances
    apart = distances > 0
    return ops.where(apart, ops.sqrt(ops.where(apart, distances, 1)), 0)


def nearest_first(distances, indices, size):
    """`Neighbors` sorted by distance, then by index, of which -1 is the last."""
    # By index first: the sort by distance keeps that order where distances are equal.
    negative, places = top_k(ops.where(indices < 0, -size, -indices), indices.shape[1])
    negative_distances, order = top_k(-ops.take_along_axis(distances, places, axis=1), indices.shape[1])
    indices = -ops.take_along_axis(negative, order, axis=1)
    return Neighbors(-negative_distances, ops.where(indices == size, -1, indices))
