"""The best few of many scores, row by row and tile by tile, in `keras.ops`."""

import keras
from keras import ops

GROUP = 16  # scores whose largest is looked at first


def top_k(scores, k):
    """The `k` largest of each row; of equal ones the first."""
    if keras.backend.backend() == "torch":  # its own top_k takes equal values in any order
        places = ops.argsort(-scores, axis=1)[:, :k]
        return ops.take_along_axis(scores, places, axis=1), ops.cast(places, "int32")
    scores, places = ops.top_k(scores, k)
    return scores, ops.cast(places, "int32")


def best_of_row(scores, k):
    """What `top_k` gives, sooner where rows are long.

    None of the `k` largest is outside the `k` groups with the largest maxima, and of groups that are equally
    good the first hold the first of equal scores.
    """
    size = scores.shape[1]
    groups = size // GROUP
    if groups < 4 * k or size % GROUP:
        return top_k(scores, k)
    _, chosen = top_k(ops.max(ops.reshape(scores, (-1, groups, GROUP)), axis=2), k)
    chosen = ops.sort(chosen, axis=1)
    row = ops.expand_dims(ops.arange(ops.shape(scores)[0], dtype="int32"), 1)
    # Whole groups are taken from a flat table: to gather within rows costs as much as all the rest.
    members = ops.take(ops.reshape(scores, (-1, GROUP)), row * groups + chosen, axis=0)
    best, places = top_k(ops.reshape(members, (-1, k * GROUP)), k)
    group = ops.take(ops.reshape(chosen, (-1,)), row * k + places // GROUP)
    return best, group * GROUP + places % GROUP


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
