"""Expected values of ranking figures when equal similarities leave the order open.

A *level* is a set of `tied` gallery items with one and the same similarity to the query. `above` items
are strictly nearer. `relevant` of the tied ones, and `relevant_above` of those above, share the query's
class. All orders of the tied items are equally likely. An item without a tie is a level of one, and each
formula below then gives the usual value.
"""

import numpy as np


def relevant_within(above, tied, limit):
    """Probability, for each item of a level, of a rank of `limit` or better."""
    return np.clip(limit - above, 0, tied) / tied


def precision_sum(above, tied, relevant_above, relevant, harmonic, limit=None):
    """Expected precision at its own rank of each relevant item of a level, counted up to rank `limit`.

    Formula: an item lands on place `j` of the level, rank `above + j`, with probability `1 / tied`. Of the
    other `relevant - 1` relevant items a share `(j - 1) / (tied - 1)` is then expected before it. So

        1/tied · Σ_j (relevant_above + 1 + (j - 1) · (relevant - 1) / (tied - 1)) / (above + j)

    over the places `j <= m = min(tied, limit - above)`. With `h = Σ_j 1 / (above + j)`, a difference of
    harmonic numbers, and `Σ_j (j - 1) / (above + j) = m - (above + 1) · h`, no sum is left.

    Args:
        above, tied, relevant_above, relevant: Integers of one shape.
        harmonic: Harmonic numbers, `harmonic[n] = 1 + 1/2 + ... + 1/n`, as far as the gallery goes.
        limit: Last rank that counts, of the same shape. Defaults to all.
    """
    places = tied if limit is None else np.clip(limit - above, 0, tied)
    # Without a tie the difference of two harmonic numbers would only lose digits.
    inverse_ranks = np.where(tied == 1, places / (above + 1), harmonic[above + places] - harmonic[above])
    crowd = (relevant - 1) / np.maximum(tied - 1, 1)
    return ((relevant_above + 1) * inverse_ranks + crowd * (places - (above + 1) * inverse_ranks)) / tied


def discounted_gain(above, tied, discounts, limit=None):
    """Expected `1 / log2(rank + 1)` of each item of a level, 0 beyond rank `limit`.

    Args:
        above, tied: Integers of one shape.
        discounts: Their running sums, `discounts[n] = Σ_{rank <= n} 1 / log2(rank + 1)`.
        limit: Last rank that counts. Defaults to all.
    """
    places = tied if limit is None else np.clip(limit - above, 0, tied)
    # Without a tie the difference of two sums would only lose digits.
    one = np.where(places > 0, 1 / np.log2(above + 2), 0)
    # Items beyond the limit may lie beyond the table: they have no place in it.
    start = np.where(places > 0, above, 0)
    return np.where(tied == 1, one, (discounts[start + places] - discounts[start]) / tied)


def first_relevant(above, tied, relevant, ranks):
    """Expected inverse rank of the nearest relevant item, and the chance to find one within given ranks.

    Formula: no relevant item is among the first `j` of the level with the probability of drawing `j` times
    without replacement and always missing, `miss(j) = Π_{i < j} (tied - relevant - i) / (tied - i)`. So
    one is found within rank `k` with probability `1 - miss(k - above)`, and the first one is the `j`-th
    of the level with probability `miss(j - 1) · relevant / (tied - j + 1)`.

    Args:
        above, tied, relevant: Integers `(queries,)`, of the nearest level that holds a relevant item.
        ranks: Integers `(n,)`.

    Returns:
        Inverse ranks `(queries,)` and chances `(queries, n)`.
    """
    inverse_rank = 1 / (above + 1)
    found = (ranks > above[:, None]).astype("float64")
    open_order = np.flatnonzero(tied > relevant)
    # Where an embedding has collapsed all queries share a level: each is worked out once.
    levels = np.stack([above, tied, relevant], axis=1)[open_order]
    levels, member, members = np.unique(levels, axis=0, return_inverse=True, return_counts=True)
    groups = np.split(open_order[np.argsort(member.ravel())], np.cumsum(members)[:-1])
    for (a, t, r), queries in zip(levels, groups, strict=bool(len(levels))):
        drawn = np.arange(t - r + 1)
        miss = np.concatenate([[1.0], np.cumprod((t - r - drawn) / (t - drawn))])
        inverse_rank[queries] = np.sum(miss[:-1] * r / ((t - drawn) * (a + drawn + 1)))
        found[queries] = 1 - miss[np.clip(ranks - a, 0, len(drawn))]
    return inverse_rank, found
