"""Distances to quantised embeddings, and the nearest of them, in graph: table look-ups in `keras.ops`."""

from keras import ops

from tfdml.search.best import best_of_row, best_of_tiles
from tfdml.search.code_scores import by_look_ups, by_products, decoded_parts, looked_up, tables
from tfdml.search.exact import as_float, check, nearest_first


def asymmetric_distances(queries, codes, rotation, codebooks, *, tile=8192):
    """Squared Euclidean distances from queries to what codes of `tfdml.search.OPQ` stand for.

    The queries are not quantised. Each has a table of the distances of its parts to all codewords; a distance
    is the sum of one entry a byte, and of what the rotation cuts off the query. Nothing is decoded.

    Args:
        queries: `(queries, dim)`; their number may be unknown.
        codes: `(items, bytes)`, integers below the number of codewords, their shape known.
        rotation: `(dim, dim kept)`, its columns orthonormal.
        codebooks: `(bytes, codewords, dim kept / bytes)`.
        tile: Integer above 0: codes that are looked up at a time. Defaults to `8192`.

    Returns:
        `(queries, items)`, float32 at least.

    Example:

    >>> opq = tfdml.search.OPQ(bytes=2).fit(np.eye(8))
    >>> distances = tfdml.search.asymmetric_distances(np.eye(8), opq.encode(np.eye(8)), **opq.state())
    >>> tuple(distances.shape)
    (8, 8)
    """
    check(1, "squared_euclidean", tile)
    queries, codes, rotation, codebooks = as_operands(queries, codes, rotation, codebooks)
    z, rest = rotated(queries, rotation)
    table = tables(z, codebooks)
    size = codes.shape[0]
    tile = min(tile, size)
    tiles = -(-size // tile)
    blocks = ops.reshape(ops.pad(codes, ((0, tiles * tile - size), (0, 0))), (tiles, tile, codes.shape[1]))
    sums = ops.map(lambda block: looked_up(table, block), blocks) if tiles > 1 else looked_up(table, codes)
    sums = ops.reshape(sums, (tiles * tile, -1))[:size]
    return ops.transpose(sums) + rest[:, None]


def quantized_neighbors(queries, codes, rotation, codebooks, k, *, active=None, exclude=None, tile=8192):
    """The `k` nearest of quantised embeddings to each query, as `tfdml.search.nearest_neighbors` gives them.

    Codes are compared tile by tile: for few queries as by `tfdml.search.asymmetric_distances`; for more than
    twice the numbers of a codeword they are decoded, and multiplied with the queries. Distances to the `k`
    that are found are computed to full precision, and gradients flow through them. Memory is
    O(queries · (tile + 256 · bytes + k · dim kept) + tile · dim kept). It runs in `tf.function`, under XLA,
    and in a SavedModel.

    Args:
        queries: `(queries, dim)`; their number may be unknown.
        codes: `(items, bytes)`, integers below the number of codewords, their shape known.
        rotation: `(dim, dim kept)`, its columns orthonormal.
        codebooks: `(bytes, codewords, dim kept / bytes)`.
        k: Integer above 0. More than there is to find is cut to the number of items, or to one less with
            `exclude`.
        active: Booleans `(items,)`: which may be found. Where fewer are active than `k`, the rest is at
            distance infinity and index -1. Defaults to `None`: all.
        exclude: Integers `(queries,)`: the one item that each query may not find, as itself; -1 for none.
            Defaults to `None`.
        tile: Integer above 0: codes that are compared at a time. Defaults to `8192`.

    Returns:
        `tfdml.search.Neighbors`: squared Euclidean distances to what was decoded, `(queries, k)`, nearest
        first, and indices `(queries, k)`, int32. Of equal distances the lower index comes first.

    Example:

    >>> x = np.random.default_rng(0).normal(size=(300, 8))
    >>> opq = tfdml.search.OPQ(bytes=4).fit(x)
    >>> found = tfdml.search.quantized_neighbors(x, opq.encode(x), **opq.state(), k=1)
    >>> bool(np.mean(keras.ops.convert_to_numpy(found.indices)[:, 0] == np.arange(300)) > 0.9)
    True
    """
    check(k, "squared_euclidean", tile)
    queries, codes, rotation, codebooks = as_operands(queries, codes, rotation, codebooks)
    size = codes.shape[0]
    exclude = None if exclude is None else ops.cast(exclude, "int32")
    if active is not None:
        active = ops.cast(active, "bool")
        if tuple(active.shape) != (size,):
            raise ValueError(f"Expected active to be of shape ({size},), received: {tuple(active.shape)}")
    k = min(k, size - (exclude is not None))
    if k == 0:
        raise ValueError("Expected codes to hold an item that exclude leaves, received: codes of 1")
    z, rest = rotated(queries, rotation)
    options = codes, k, active, exclude, min(tile, size)
    scores, indices = by_number(
        ops.shape(z)[0] <= 2 * codebooks.shape[2],
        lambda: best_codes(z, by_look_ups(z, codebooks), *options),
        lambda: best_codes(z, by_products(z, codebooks), *options),
    )
    missing = scores == -float("inf")
    found = decoded_parts(ops.take(codes, ops.where(missing, 0, indices), axis=0), codebooks)
    distances = ops.sum(ops.square(z[:, None, :] - found), axis=2) + rest[:, None]
    return nearest_first(ops.where(missing, float("inf"), distances), ops.where(missing, size, indices), size)


def as_operands(queries, codes, rotation, codebooks):
    """The four as tensors, floats of one type and codes int32, of shapes that fit."""
    queries, rotation, codebooks = as_float(queries, rotation, codebooks)
    codes = ops.cast(ops.convert_to_tensor(codes), "int32")
    if len(codebooks.shape) != 3 or None in codebooks.shape or 0 in codebooks.shape:
        raise ValueError(
            f"Expected codebooks to be of shape (bytes, codewords, width), received: {tuple(codebooks.shape)}"
        )
    subspaces, _, width = codebooks.shape
    if len(codes.shape) != 2 or not codes.shape[0] or codes.shape[1] != subspaces:
        raise ValueError(
            f"Expected codes to be of a known shape (items, {subspaces}), received: {tuple(codes.shape)}"
        )
    if len(rotation.shape) != 2 or rotation.shape[1] != subspaces * width:
        raise ValueError(
            f"Expected rotation to be of shape (dim, {subspaces * width}), received: {tuple(rotation.shape)}"
        )
    if len(queries.shape) != 2 or queries.shape[1] != rotation.shape[0]:
        raise ValueError(
            f"Expected queries to be of shape (queries, {rotation.shape[0]}), "
            f"received: {tuple(queries.shape)}"
        )
    return queries, codes, rotation, codebooks


def rotated(queries, rotation):
    """Queries in the directions that are kept, and the squared length of what is cut off each."""
    z = ops.matmul(queries, rotation)
    if rotation.shape[0] == rotation.shape[1]:
        return z, ops.zeros_like(queries[:, 0])
    return z, ops.sum(ops.square(queries - ops.matmul(z, ops.transpose(rotation))), axis=1)


def by_number(few, first, second):
    """What `first` gives for few queries, and `second` for many; in a graph their number may be unknown."""
    if isinstance(few, bool):
        return first() if few else second()
    return ops.cond(few, first, second)


def best_codes(z, scores_of, codes, k, active, exclude, tile):
    """The `k` largest of the scores of each query, and where they are."""
    size, subspaces = codes.shape

    def candidates(start, first_new):
        places = start + ops.arange(tile, dtype="int32")
        scores = scores_of(ops.slice(codes, (start, 0), (tile, subspaces)))
        usable = places >= first_new
        if active is not None:
            usable = usable & ops.slice(active, (start,), (tile,))
        usable = usable[None, :]
        if exclude is not None:
            usable = usable & (places[None, :] != exclude[:, None])
        scores, found = best_of_row(ops.where(usable, scores, -float("inf")), min(k, tile))
        return scores, start + found

    return best_of_tiles(candidates, size, tile, k, ops.zeros_like(z[:, :1]))
