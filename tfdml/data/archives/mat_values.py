"""The values that variables of MATLAB become."""

import numpy as np


def vector(numbers):
    """An array without the second dimension that MATLAB gives vectors and single numbers."""
    return numbers.ravel() if numbers.size == max(numbers.shape) or numbers.size == 0 else numbers


def rows_of_text(codes):
    """The rows of a matrix `(rows, columns)` of character codes, as strings."""
    with np.errstate(invalid="ignore"):  # what is no code is none as an integer either
        rows = ["".join(map(chr, row)) for row in codes.astype(int).tolist()]
    if len(rows) > 1:  # MATLAB makes them equally long
        rows = [row.rstrip(" ") for row in rows]
    return np.array(rows or [""])


def joined(values):
    """The elements of a cell or of a field of a struct array: an array if each is one number, or one text."""
    if len({kind(value) for value in values}) == 1 and kind(values[0]) is not None:
        return np.concatenate(values)
    return values


def kind(value):
    """What single values can be joined with; `None` if a value is not single."""
    if isinstance(value, np.ndarray) and value.shape == (1,):
        return "text" if value.dtype.kind == "U" else "numbers"
    return None
