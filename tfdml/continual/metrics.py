"""What a matrix of accuracies says: how much is learned, and how much of it forgotten."""

import numpy as np


def summary(matrix, before=None):
    """Average accuracy, forgetting, and transfer, of the accuracies after each task.

    Args:
        matrix: `(tasks, tasks)`: in row `i` and column `j` the accuracy on the test samples of task `j` after
            task `i` was learned; or another figure that is the better the larger.
        before: `(tasks,)`: the same on an untrained model. Defaults to `None`: no forward transfer.

    Returns:
        A dictionary of floats; those that need two tasks are NaN for one.

        - `"average"`: the mean of the last row (ACC of Lopez-Paz and Ranzato).
        - `"learned"`: the mean of the diagonal: accuracy on a task when it has just been learned.
        - `"forgetting"`: the mean over all tasks `j` but the last of
          `max_{i < last} matrix[i, j] - matrix[last, j]` (Chaudhry et al.).
        - `"backward_transfer"`: the mean over all tasks `j` but the last of
          `matrix[last, j] - matrix[j, j]` (BWT of Lopez-Paz and Ranzato).
        - `"forward_transfer"`: the mean over all tasks `j` but the first of
          `matrix[j - 1, j] - before[j]` (FWT of Lopez-Paz and Ranzato), where `before` is given.

    Example:

    >>> figures = tfdml.continual.summary([[0.9, 0.1], [0.5, 0.8]], before=[0.0, 0.1])
    >>> {name: round(value, 3) for name, value in figures.items()}
    {'average': 0.65, 'learned': 0.85, 'forgetting': 0.4, 'backward_transfer': -0.4, 'forward_transfer': 0.0}

    References: Lopez-Paz and Ranzato, Gradient Episodic Memory for Continual Learning, NeurIPS 2017; Chaudhry
        et al., Riemannian Walk for Incremental Learning, ECCV 2018.
    """
    matrix = np.asarray(matrix, "float64")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
        raise ValueError(f"Expected matrix to be of shape (tasks, tasks), received: {matrix.shape}")
    several, last = len(matrix) > 1, matrix[-1]
    old = np.diag(matrix)[:-1]
    figures = {
        "average": last.mean(),
        "learned": np.diag(matrix).mean(),
        "forgetting": (matrix[:-1].max(axis=0) - last)[:-1].mean() if several else np.nan,
        "backward_transfer": (last[:-1] - old).mean() if several else np.nan,
    }
    if before is not None:
        before = np.asarray(before, "float64")
        if before.shape != last.shape:
            raise ValueError(f"Expected before to be of shape {last.shape}, received: {before.shape}")
        figures["forward_transfer"] = (np.diag(matrix, 1) - before[1:]).mean() if several else np.nan
    return {name: float(value) for name, value in figures.items()}
