"""Which pairs of a batch are positive and which negative, and reading or writing along their rows."""

import keras
import numpy as np
from keras import ops


def pair_masks(query_labels, key_labels, same_set=False):
    """Masks of the positive and of the negative pairs.

    Args:
        query_labels: Integers `(queries,)`.
        key_labels: Integers `(keys,)`.
        same_set: Whether the queries are among the keys: then a sample is neither a positive nor a negative
            of itself. `True`: the keys are the queries, in the same order. An integer tensor: from that key
            on they are. Defaults to `False`.

    Output: two boolean tensors `(queries, keys)`: same label, other label. Samples that `mark_unused` has
        marked are in neither.

    Example:

    >>> positive, negative = tfdml.ops.pair_masks([7, 7, 8], [7, 7, 8], same_set=True)
    >>> keras.ops.convert_to_numpy(positive).astype(int).tolist()
    [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    """
    query_labels, key_labels = ops.convert_to_tensor(query_labels), ops.convert_to_tensor(key_labels)
    used, used_keys = used_labels(query_labels), used_labels(key_labels)
    # Unused queries and unused keys have different labels: so they are not the same.
    same = ops.equal(ops.where(used, query_labels, query_labels + 1)[:, None], key_labels[None, :])
    negative = ~same & used[:, None] & used_keys[None, :]
    return (same if same_set is False else same & ~self_pairs(same, same_set)), negative


def self_pairs(matrix, same_set=True):
    """Mask of the pairs of a sample with itself, of the shape of `matrix`; `same_set` as in `pair_masks`."""
    rows, columns = ops.shape(matrix)
    if same_set is False:
        return ops.zeros((rows, columns), "bool")
    first = 0 if same_set is True else ops.cast(same_set, "int32")
    return (ops.arange(rows, dtype="int32") + first)[:, None] == ops.arange(columns, dtype="int32")[None, :]


def mark_unused(labels, used):
    """Labels with a reserved value where `used` is false: these samples are no positives and no negatives.

    So a memory that is not full and a batch that is filled up keep their shape. The value is the least that
    the dtype of the labels has.

    Args:
        labels: Integers `(batch,)`; those of less than 32 bits become int32.
        used: Boolean, `(batch,)`.

    Example:

    >>> labels = tfdml.ops.mark_unused([7, 7, 8], [True, True, False])
    >>> positive, negative = tfdml.ops.pair_masks([7], labels)
    >>> keras.ops.convert_to_numpy(positive | negative).tolist()
    [[True, True, False]]
    """
    labels = wide_labels(labels)
    return ops.where(used, labels, reserved_label(labels))


def used_labels(labels):
    """Mask `(batch,)` of the labels that `mark_unused` has not marked."""
    labels = ops.convert_to_tensor(labels)
    if len(labels.shape) == 2 or keras.backend.standardize_dtype(labels.dtype) not in ("int32", "int64"):
        return ops.ones(ops.shape(labels)[:1], "bool")  # rows of labels, or a dtype without a value to spare
    return labels != reserved_label(labels)


def join_labels(*labels):
    """Labels one after the other, in a dtype that holds them all; those that are unused remain so."""
    used = ops.concatenate([used_labels(x) for x in labels])
    return mark_unused(ops.concatenate(labels), used)


def wide_labels(labels):
    """Integers of any dtype as int32 or int64, in which one value may be spared."""
    labels = ops.convert_to_tensor(labels)
    dtype = keras.backend.standardize_dtype(labels.dtype)
    if dtype in ("int32", "int64"):
        return labels
    return ops.cast(labels, widest_integer() if dtype in ("uint32", "uint64") else "int32")


def widest_integer():
    """int64, or int32 on a backend that has it alone, as JAX does unless told otherwise."""
    return keras.backend.standardize_dtype(ops.convert_to_tensor(np.zeros((), "int64")).dtype)


def reserved_label(labels):
    """The label of samples that are in neither mask: the smallest number of the dtype."""
    return ops.cast(np.iinfo(keras.backend.standardize_dtype(labels.dtype)).min, labels.dtype)


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
