"""Log-sum-exp over the masked entries of a row."""

from keras import ops

from tfdml.ops.safe import at_least_float32

# What an empty sum gives: low enough that exp and softplus of it are 0, and finite, so that differences
# of it are numbers.
EMPTY = -1e30


def log_sum_exp(logits, mask):
    """`log(sum(exp(logits)))` of each row, over the entries where `mask` is true.

    The gradient is the softmax of the row, computed from the result alone: no matrix is kept but the logits.

    Args:
        logits: `(rows, columns)`, of any finite size.
        mask: Boolean, the same shape.

    Output: `(rows,)`, in float32 at least; -1e30 with a gradient of 0 for a row without an entry.

    Example:

    >>> logits, mask = np.log([[1.0, 2.0, 4.0]]), np.array([[True, True, False]])
    >>> keras.ops.convert_to_numpy(keras.ops.exp(tfdml.ops.log_sum_exp(logits, mask))).round(6).tolist()
    [3.0]
    """
    return _log_sum_exp(at_least_float32(logits), ops.convert_to_tensor(mask))


# The mask is an argument, not closed over: JAX loses what a custom gradient closes over in a loop. The result
# is not closed over either: Torch would never free it.
@ops.custom_gradient
def _log_sum_exp(logits, mask):
    largest = ops.max(ops.where(mask, logits, EMPTY), axis=1, keepdims=True)
    total = ops.sum(ops.where(mask, ops.exp(ops.where(mask, logits - largest, 0)), 0), axis=1)
    level = ops.log(ops.where(total > 0, total, 1)) + largest[:, 0]

    def grad(*args, upstream=None):
        if upstream is None:
            (upstream,) = args
        weights = ops.exp(ops.where(mask, logits - level[:, None], 0))
        return ops.where(mask, upstream[:, None] * weights, 0), None

    return ops.where(total > 0, level, EMPTY), grad
