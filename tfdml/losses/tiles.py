"""The losses of a batch, one tile of queries after another."""

import math

from keras import ops

from tfdml.checks import check_count
from tfdml.losses.parts import Whole, current_batch, within
from tfdml.ops import at_least_float32, by_tiles, l2_normalize, mark_unused

LARGE = 4096**2  # pairs: a matrix of them takes 67 MB in float32, and a loss holds up to 16
TILES = 64, 256  # for large batches: a loss in tiles of a 64th holds about one matrix; small ones take longer


def check_tile(tile):
    """`tile`, if it is `None`, `"auto"` or an integer from 1."""
    return tile if tile is None or tile == "auto" else check_count("tile", tile, "None, 'auto' or ")


def tile_for(tile, queries, keys):
    """How many of the queries are worked on at a time; `None` for all."""
    if tile != "auto":
        return tile
    sizes = queries.shape[0], keys.shape[0]
    if None in sizes or sizes[0] * sizes[1] < LARGE:
        return None
    return min(max(math.isqrt(sizes[0] * sizes[1]) // 64, TILES[0]), TILES[1])


def tiled_losses(loss, queries, query_labels, keys, key_labels, same_set, tile):
    """What `loss.query_losses` gives, `(queries,)`, without a matrix of all queries.

    What the tiles have in common is found first, in turns: each finds what depends on earlier ones.
    """
    queries, keys = at_least_float32(queries), at_least_float32(keys)
    if loss.directions:
        queries, keys = l2_normalize(queries), l2_normalize(keys)
    rows, batch, first = ops.shape(queries)[0], current_batch(), 0 if same_set is True else same_set
    size = rows if batch.size is None else batch.size

    def losses_of(of_tile, place, queries, labels, keys):
        if len(labels.shape) == 1:
            labels = mark_unused(labels, place + ops.arange(tile, dtype="int32") < rows)
        with within(of_tile):
            return loss.query_losses(
                queries, labels, keys, key_labels, False if same_set is False else first + place
            )

    waiting = []

    def ask(place, queries, labels, keys, *known):
        of_tile = OfTiles(size, loss.directions, known)
        losses_of(of_tile, place, queries, labels, keys)
        waiting[:] = of_tile.waiting
        return tuple(value for _, value, _ in waiting)

    known, found = (), by_tiles(ask, (queries, query_labels), tile, (keys,))
    while found:
        asked = zip(waiting, found, strict=True)
        known += tuple(batch.reduce(function, parts, last) for (function, _, last), parts in asked)
        found = by_tiles(ask, (queries, query_labels), tile, (keys, *known))

    def answer(place, queries, labels, keys, *known):
        return losses_of(OfTiles(size, loss.directions, known), place, queries, labels, keys)

    values = by_tiles(answer, (queries, query_labels), tile, (keys, *known))
    return ops.reshape(values, (-1,))[:rows]


class OfTiles(Whole):
    """A batch of which a tile is a part. What other parts have to add is known, or noted as waiting.

    Args:
        size: Number of rows of the batch.
        unit: Whether embeddings have norm 1 already.
        known: The results of the first calls of `reduce`.
    """

    def __init__(self, size, unit, known):
        self.size, self.unit, self.known = size, unit, known
        self.calls, self.waiting, self.open = 0, [], True

    def reduce(self, function, parts, last):
        self.calls += 1
        if self.calls <= len(self.known):
            return self.known[self.calls - 1]
        # What others depend on has a turn of its own: after it, nothing that this turn computes holds.
        if self.open and (last or not self.waiting):
            self.waiting.append((function, parts[0], last))
        self.open = self.open and last
        return function(parts)
