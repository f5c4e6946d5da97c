"""Tables on the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 160  # a pipe has no width of its own


def print_table(columns, rows, title=None):
    """Prints rows of strings: the first column to the left, the others to the right."""
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # a file's name is no markup
    console = Console()
    (console if console.is_terminal else Console(width=PIPE_WIDTH)).print(table)


def print_figures(results, title=None):
    """Prints figures by model: `{"trained": {"recall@1": 0.7, ...}, ...}`."""
    # precision@1 is recall@1 by definition
    hidden = ("queries", "queries_dropped", "precision@1")
    names = [name for name in next(iter(results.values())) if name not in hidden]
    rows = [[model, *(f"{figures[name]:.3f}" for name in names)] for model, figures in results.items()]
    print_table(["", *names], rows, title)
