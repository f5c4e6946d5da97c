"""A loop over the positives of all rows at once."""

from keras import ops


def by_turns(positive, serve, state):
    """Every row at once takes its first positive, then its second, until no row has one left.

    What is done for a positive may need a matrix; so only one is held at a time. Time is that of the row with
    the most positives. Nothing is differentiated through the loop.

    Args:
        positive: Boolean mask `(queries, keys)`.
        serve: Function of a mask of the entries whose turn it is, at most one a row, and of the state so
            far; it gives the next state.
        state: Tuple of tensors, whose shapes and dtypes stay.

    Output: the last state.

    Example:

    >>> positive, numbers = np.array([[True, False, True]]), np.array([[2.0, 3.0, 5.0]])
    >>> product = lambda taken, p: (p * keras.ops.sum(keras.ops.where(taken, numbers, 0), axis=1),)
    >>> float(tfdml.ops.by_turns(positive, product, (keras.ops.ones((1,), "float64"),))[0][0])
    10.0
    """
    positive = ops.convert_to_tensor(positive)
    turns = ops.where(positive, ops.cumsum(ops.cast(positive, "int32"), axis=1), 0)
    last = ops.max(turns)

    def turn(number, *state):
        return number + 1, *serve(turns == number, *state)

    start = (ops.ones((), dtype=turns.dtype), *state)
    return ops.while_loop(lambda number, *_: number <= last, turn, start)[1:]
