"""Exact nearest neighbours in `keras.ops`: the search that trains, serves and is exported."""

import keras
from keras import ops

from tfdml.checks import check_count
from tfdml.ops import safe_sqrt
from tfdml.search.best import best_of_row, best_of_tiles, top_k
from tfdml.search.neighbors import Neighbors

DISTANCES = "euclidean", "squared_euclidean", "cosine", "dot"


def nearest_neighbors(
    queries, gallery, k, *, distance="euclidean", exclude=None, active=None, tile=8192, half_squares=None
):
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
        half_squares: `(gallery,)`: `|g|²/2` of each item, for Euclidean distances to a gallery that is
            searched more than once: to compute them takes as long as to compare some tens of queries.
            Defaults to `None`: they are computed.

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
    tile = min(tile, size)
    offsets = offsets_of(half_squares, gallery, tile) if euclidean else None
    scores, indices = best_scores(queries, gallery, k + (exclude is not None), offsets, active, tile)
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


def offsets_of(half_squares, gallery, tile):
    """A function of a block of the gallery, and of where it starts, that gives `|g|²/2` of its items."""
    if half_squares is None:
        return lambda block, start: halved_squares(block)
    if tuple(half_squares.shape) != (gallery.shape[0],):
        raise ValueError(
            f"Expected half_squares to be of shape ({gallery.shape[0]},), received: "
            f"{tuple(half_squares.shape)}"
        )
    given = ops.reshape(ops.cast(half_squares, gallery.dtype), half_squares.shape)
    return lambda block, start: ops.slice(given, (start,), (tile,))


def halved_squares(rows):
    """`|g|²/2` of each row."""
    return ops.sum(ops.square(rows), axis=1) / 2


def best_scores(queries, gallery, k, offsets, active, tile):
    """The `k` largest of `q·g` less the offsets, and where they are."""
    size, dim = gallery.shape

    def candidates(start, first_new):
        columns = start + ops.arange(tile, dtype="int32")
        usable = columns >= first_new
        block = ops.slice(gallery, (start, 0), (tile, dim))
        if active is not None:
            used = ops.slice(active, (start,), (tile,))
            usable = usable & used
            block = cleared(block, used)
        less = ops.zeros(tile, block.dtype) if offsets is None else offsets(block, start)
        scores = ops.einsum("qd,td->qt", queries, block) - ops.where(usable, less, float("inf"))
        scores, places = best_of_row(scores, min(k, tile))
        return scores, start + places

    return best_of_tiles(candidates, size, tile, k, ops.zeros_like(queries[:, :1]))


def cleared(block, used):
    """Rows with zeros in places that are not used, whatever is there; mostly there is none, and no copy."""
    return ops.cond(ops.all(used), lambda: block, lambda: ops.where(ops.expand_dims(used, 1), block, 0))


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
    return distances if distance == "squared_euclidean" else safe_sqrt(distances)


def nearest_first(distances, indices, size):
    """`Neighbors` sorted by distance, then by index, of which -1 is the last."""
    # By index first: the sort by distance keeps that order where distances are equal.
    negative, places = top_k(ops.where(indices < 0, -size, -indices), indices.shape[1])
    negative_distances, order = top_k(-ops.take_along_axis(distances, places, axis=1), indices.shape[1])
    indices = -ops.take_along_axis(negative, order, axis=1)
    return Neighbors(-negative_distances, ops.where(indices == size, -1, indices))
