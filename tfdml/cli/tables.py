"""Tables on the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 160  # a pipe has no width of its own


def print_table(columns, rows, title=None, left=()):
    """Prints rows of strings: the first column and those named in `left` to the left, others to the right."""
    table = Table(title=Text(title) if title else None, title_justify="left")
    for place, column in enumerate(columns):
        # Rather on several lines than cut: a path that is cut is of no use.
        table.add_column(column, justify="right" if place and column not in left else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_text, row))
    console = Console()
    (console if console.is_terminal else Console(width=PIPE_WIDTH)).print(table)


def _text(cell):
    """A cell as it is: a file's name is no markup, and may hold bytes that are no text."""
    return Text(cell.encode("utf-8", "replace").decode())


def print_figures(results, title=None):
    """Prints figures by model, `{"trained": {"recall@1": 0.7, ...}, ...}`, a column each."""
    # precision@1 is recall@1 by definition, and V-measure is NMI
    hidden = ("queries", "queries_dropped", "precision@1", "v_measure")
    names = [name for name in next(iter(results.values())) if name not in hidden]
    rows = [
        [name, *(f"{figures[name]:.3f}" if name in figures else "" for figures in results.values())]
        for name in names
    ]
    print_table(["", *results], rows, title)
