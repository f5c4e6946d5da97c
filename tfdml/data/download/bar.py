"""The progress of downloads in the terminal."""

from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


@contextmanager
def progress_bar(console=None):
    """A bar for each file with its speed and the time that is left.

    Args:
        console: The `rich.console.Console` to draw on. Defaults to None, standard error.

    Returns:
        A context manager that gives the `progress` of `download_file`.

    Example:

    >>> from rich.console import Console
    >>> from tfdml.data.download import progress_bar
    >>> with progress_bar(Console(quiet=True)) as progress:
    ...     progress("images.tgz", 0, 3_000_000)
    ...     progress("images.tgz", 3_000_000, 3_000_000)
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    bars = Progress(*columns, console=console or Console(stderr=True))
    tasks, last = {}, {}

    def show(name, done, total):
        bars.start()  # not before there is something to show
        if name not in tasks:
            # What an earlier attempt brought says nothing of the speed of this one.
            tasks[name] = bars.add_task(name, completed=done, total=total)
        elif done < last[name]:
            bars.reset(tasks[name], completed=done, total=total)
        else:
            bars.update(tasks[name], completed=done, total=total)
        last[name] = done

    try:
        yield show
    finally:
        if tasks:
            bars.stop()
