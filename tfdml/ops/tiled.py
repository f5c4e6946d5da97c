"""One tile of rows after another, forward and backward, so that only one is held at a time."""

import keras
from keras import ops


def by_tiles(function, rows, tile, shared=()):
    """`function` of one tile of rows after another.

    What it computes of a tile is computed again for the gradient, so that memory is that of one tile, not
    of all. The last tile is filled up with zeros: shapes are the same for every tile and every batch.

    Args:
        function: Function of the place of the tile's first row, an integer tensor; of the tile's rows, one
            `(tile, ...)` for each of `rows`; and of `shared`. It gives a tensor, or a tuple of them, of the
            same shape for each tile. It must not close over a tensor that is to have a gradient.
        rows: Tuple of tensors `(n, ...)`, the first in float32 at least. Those of floats have gradients.
        tile: Integer from 1: rows of a tile.
        shared: Tuple of tensors of floats that every tile reads. They have gradients. Defaults to `()`.

    Output: what `function` gives, with one more axis in front: `(tiles, ...)`.

    Example:

    >>> points = np.arange(5, dtype="float32")[:, None]
    >>> product = lambda place, x, y: keras.ops.matmul(x, y)
    >>> result = tfdml.ops.by_tiles(product, (points,), tile=2, shared=(np.ones((1, 1), "float32"),))
    >>> keras.ops.convert_to_numpy(result)[..., 0].tolist()
    [[0.0, 1.0], [2.0, 3.0], [4.0, 0.0]]
    """
    rows, shared = [ops.convert_to_tensor(x) for x in rows], [ops.convert_to_tensor(x) for x in shared]
    number = ops.shape(rows[0])[0]
    tiles = 1 + (max(number - 1, 0) if isinstance(number, int) else ops.maximum(number - 1, 0)) // tile
    rows = [_cut(x, tiles, tile) for x in rows]
    floats = [i for i, x in enumerate(rows) if "float" in keras.backend.standardize_dtype(x.dtype)]
    # Never, but nothing knows it beforehand.
    never = ops.cast(ops.any(ops.abs(rows[0][:1, :1]) > float("inf")), rows[0].dtype)

    def of_tile(number, before):
        own = [x[number] for x in rows]

        def call(*args):
            parts = list(own)
            for i, x in zip(floats, args, strict=False):
                parts[i] = x
            return function(number * tile, *parts, *args[len(floats) :])

        # The rows wait for the tile before, and in the gradient its result waits for the tile after it:
        # else TensorFlow takes several tiles at once.
        return keras.remat(call)(own[0] + before, *(own[i] for i in floats[1:]), *shared)

    def step(number, state):
        before, collected = state
        results = of_tile(number, before)
        flat = results if isinstance(results, tuple) else (results,)
        here = ops.arange(tiles) == number
        collected = tuple(
            ops.where(ops.reshape(here, (-1,) + (1,) * len(x.shape)), x[None], all_of)
            for x, all_of in zip(flat, collected, strict=True)
        )
        done = ops.cast(ops.reshape(flat[0], (-1,))[0], never.dtype)
        return never * ops.where(ops.isfinite(done), done, 0), collected

    first = function(ops.zeros((), "int32"), *(x[0] for x in rows), *shared)
    several = isinstance(first, tuple)
    start = tuple(ops.zeros((tiles, *ops.shape(x)), x.dtype) for x in (first if several else (first,)))
    if not start:
        return ()
    collected = _repeat(tiles, step, (ops.zeros_like(never), start))[1]
    return collected if several else collected[0]


def _cut(x, tiles, tile):
    """Tiles `(tiles, tile, ...)` of `x`, the last filled up with zeros."""
    filled = ops.concatenate([x, ops.zeros((tile, *x.shape[1:]), x.dtype)])[: tiles * tile]
    return ops.reshape(filled, (-1, tile, *x.shape[1:]))


def _repeat(times, step, state):
    if keras.backend.backend() == "jax":  # a loop that has gradients there
        return ops.fori_loop(0, times, step, state)
    # XLA wants to know the maximum, or it has no gradient.
    loop = ops.while_loop(
        lambda number, _: number < times,
        lambda number, state: (number + 1, step(number, state)),
        (ops.zeros((), "int32"), state),
        maximum_iterations=times,
    )
    return loop[1]
