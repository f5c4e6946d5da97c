"""Figures of runs through tasks."""

import numpy as np


def plot_accuracy(results, path=None):
    """Average accuracy on the tasks that were seen, after each task: a curve a strategy.

    Args:
        results: `{name: Result}`, or `{name: list of Result}` of several seeds, whose range is shaded.
        path: File to write, such as `curves.png`. Defaults to `None`.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    >>> result = tfdml.continual.Result(np.array([[1.0, 0.0], [0.5, 1.0]]), np.zeros(2))
    >>> figure = tfdml.continual.plot_accuracy({"fine-tuning": result})
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    panel = figure.subplots()
    for name, runs in results.items():
        runs = runs if isinstance(runs, list | tuple) else [runs]
        curves = np.array([seen_average(run.accuracy) for run in runs])
        tasks = np.arange(1, curves.shape[1] + 1)
        (line,) = panel.plot(tasks, curves.mean(axis=0), "o-", markersize=3, label=name)
        panel.fill_between(
            tasks, curves.min(axis=0), curves.max(axis=0), color=line.get_color(), alpha=0.15, linewidth=0
        )
    panel.set(xlabel="tasks learned", ylabel="accuracy on the tasks seen", ylim=(0, 1.02), xticks=tasks)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8)
    return _written(figure, path)


def plot_matrix(result, path=None):
    """The accuracies of a run: a row a task that was learned, a column a task that was tested.

    Args:
        result: A `Result`.
        path: File to write, such as `matrix.png`. Defaults to `None`.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    >>> result = tfdml.continual.Result(np.array([[1.0, 0.0], [0.5, 1.0]]), np.zeros(2))
    >>> figure = tfdml.continual.plot_matrix(result)
    """
    from matplotlib.figure import Figure

    count = len(result.accuracy)
    figure = Figure(figsize=(1.5 + 0.6 * count, 1 + 0.6 * count), layout="constrained")
    panel = figure.subplots()
    panel.imshow(result.accuracy, vmin=0, vmax=1, cmap="Blues")
    for (row, column), value in np.ndenumerate(result.accuracy):
        color = "white" if value > 0.6 else "black"
        panel.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=8)
    names = range(1, count + 1)
    panel.set_xticks(range(count), names)
    panel.set_yticks(range(count), names)
    panel.set(xlabel="tested on task", ylabel="after task")
    return _written(figure, path)


def seen_average(matrix):
    """The mean accuracy after each task on that task and those before, `(tasks,)`."""
    return np.array([row[: place + 1].mean() for place, row in enumerate(np.asarray(matrix))])


def _written(figure, path):
    if path is not None:
        figure.savefig(path, dpi=110)
    return figure
