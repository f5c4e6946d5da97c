"""Which pairs of a batch are positive and which negative, and reading or writing along their rows."""

from keras import ops


def pair_masks(query_labels, key_labels, same_set=False):
    """Masks of the positive and of the negative pairs.

    Args:
        query_labels: Integers `(queries,)`.
        key_labels: Integers `(keys,)`.
        same_set: Whether queries and keys are the same samples in the same order: then a sample is
            neither a positive nor a negative of itself. Defaults to `False`.

    Output: two boolean tensors `(queries, keys)`: same label, other label.

    Example:

    >>> positive, negative = tfdml.ops.pair_masks([7, 7, 8], [7, 7, 8], same_set=True)
    >>> keras.ops.convert_to_numpy(positive).astype(int).tolist()
    [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    """
    same = ops.convert_to_tensor(query_labels)[:, None] == ops.convert_to_tensor(key_labels)[None, :]
    return (same & ~self_pairs(same), ~same) if same_set else (same, ~same)


def self_pairs(matrix):
    """Mask of the diagonal of a square matrix."""
    positions = ops.arange(ops.shape(matrix)[1])
    return positions[:, None] == positions[None, :]


def gather_rows(x, columns):
    """`x[i, columns[i, j]]` for `x` `(rows, n)` and integer `columns` `(rows, m)`: `(rows, m)`."""
    return ops.take(ops.reshape(x, (-1,)), _flat(columns, ops.shape(x)[1]))


def scatter_rows(values, columns, width):
    """Matrix `(rows, width)` of zeros with `values[i, j]` added at `[i, columns[i, j]]`.

    A column equal to `width` falls outside and is dropped.
    """
    rows = ops.shape(values)[0]
    # A sum by segment is several times faster than a scatter, and one more column takes what is dropped.
    ids = ops.reshape(_flat(columns, width + 1), (-1,))
    summed = ops.segment_sum(ops.reshape(values, (-1,)), ids, num_segments=rows * (width + 1))
    return ops.reshape(summed, (rows, width + 1))[:, :width]


def _flat(columns, width):
    return ops.cast(columns, "int32") + width * ops.arange(ops.shape(columns)[0], dtype="int32")[:, None]
