"""Queries with their nearest neighbours, as one picture."""

import numpy as np

from tfdml.explain.text import wrap
from tfdml.explain.tiles import check_pictures, fit_tile

RIGHT, WRONG = "#1a7f4b", "#c8372d"
INK, PALE = "#1f2328", "#8a9199"
CAPTION_LINES = 2


def retrieval_sheet(
    queries, neighbors, correct=None, captions=None, query_captions=None, title=None, tile=96, heading=None
):
    """A row for each query: the query, then its nearest neighbours, right and wrong ones marked.

    A right neighbour has a solid green frame with a tick, a wrong one a dashed red frame with a cross,
    so that the marks do not depend on colour.

    Args:
        queries: Pictures, RGB uint8 `(queries, height, width, 3)`.
        neighbors: The pictures found, closest first, RGB uint8 `(queries, k, height, width, 3)`.
        correct: Which neighbours are right, booleans `(queries, k)`. Defaults to `None` (unknown, no marks).
        captions: Text under each neighbour, `queries` lists of `k` strings. A string may have several
            lines; each is wrapped to two, and cut where it is longer. Defaults to `None` (no text).
        query_captions: Text under each query, `queries` strings. Defaults to `None` (no text).
        title: Text above the sheet. Defaults to `None` (no text).
        tile: Side of a picture on the sheet in pixels, 16 or more. Defaults to `96`.
        heading: Text above the neighbours. Defaults to `None`: that they are the nearest, closest first.

    Output shape: RGB uint8 `(height, width, 3)`.

    Example:

    >>> cats, found = np.zeros((2, 8, 8, 3), "uint8"), np.zeros((2, 5, 8, 8, 3), "uint8")
    >>> sheet = tfdml.explain.retrieval_sheet(cats, found, captions=[["cat\\n0.31"] * 5] * 2)
    >>> sheet.shape[2], str(sheet.dtype)
    (3, 'uint8')
    """
    queries = check_pictures("queries", queries, (None, None, None, 3))
    neighbors = check_pictures("neighbors", neighbors, (len(queries), None, None, None, 3))
    rows, columns = neighbors.shape[:2]
    if correct is not None:
        correct = np.asarray(correct)
        if correct.shape != (rows, columns) or correct.dtype != bool:
            raise ValueError(
                f"Expected correct to be booleans ({rows}, {columns}), "
                f"received: {correct.dtype} {correct.shape}"
            )
    lengths = None if captions is None else [len(row) for row in captions]
    if lengths not in (None, [columns] * rows):
        raise ValueError(f"Expected captions to be {rows} lists of {columns} strings, received: {lengths}")
    if query_captions is not None and len(query_captions) != rows:
        raise ValueError(f"Expected query_captions to be {rows} strings, received: {len(query_captions)}")
    if not tile >= 16:
        raise ValueError(f"Expected tile to be 16 or more, received: {tile}")
    sheet = _Sheet(rows, columns, int(tile), captions, query_captions, title, heading)
    for row in range(rows):
        sheet.place(row, 0, queries[row], "" if query_captions is None else query_captions[row])
        for column in range(columns):
            mark = None if correct is None else bool(correct[row, column])
            caption = "" if captions is None else captions[row][column]
            sheet.place(row, column + 1, neighbors[row, column], caption, mark)
    return sheet.render()


class _Sheet:
    """Where things go; all lengths in pixels, from the upper left corner."""

    def __init__(self, rows, columns, tile, captions, query_captions, title, heading):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.tile, self.size = tile, max(9.0, 0.118 * tile)
        self.gap, self.margin, self.aside = round(0.2 * tile), round(0.25 * tile), round(0.25 * tile)
        self.line = 1.3 * self.size
        paragraphs = max(
            [len(_paragraphs(text)) for row in (() if captions is None else captions) for text in row]
            + [len(_paragraphs(text)) for text in (() if query_captions is None else query_captions)],
            default=0,
        )
        # The first paragraph (a name) may take two lines, those below it (a distance) one.
        self.text_lines = paragraphs + CAPTION_LINES - 1 if paragraphs else 0
        self.step = tile + round(self.text_lines * self.line) + self.gap + (self.gap if paragraphs else 0)
        self.top = self.margin + round((2.6 * self.size if title else 0) + 2.4 * self.size)
        self.width = 2 * self.margin + (columns + 1) * tile + columns * self.gap + self.aside
        self.height = self.top + rows * self.step - self.gap + self.margin
        self.pixels = np.full((self.height, self.width, 3), 255, np.uint8)
        # At 72 dots an inch a point is a pixel.
        self.figure = Figure(figsize=(self.width / 72, self.height / 72), dpi=72)
        self.canvas = FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, self.width), ylim=(self.height, 0))
        self.axes.axis("off")
        if title:
            self.write(
                self.margin, self.margin, title, 1.35 * self.size, self.width - 2 * self.margin, "left"
            )
        head = self.top - 2.2 * self.size
        self.write(self.margin, head, "Query", self.size, tile, "left", PALE)
        wide = self.width - self.margin - self.left(1)
        if heading is None:
            heading = "Nearest neighbours, closest first" if columns > 2 else "Nearest"
        self.write(self.left(1), head, heading, self.size, wide, "left", PALE)

    def left(self, column):
        return self.margin + column * (self.tile + self.gap) + (self.aside if column else 0)

    def place(self, row, column, picture, caption, mark=None):
        left, top = self.left(column), self.top + row * self.step
        self.pixels[top : top + self.tile, left : left + self.tile] = fit_tile(picture, self.tile)
        self.frame(left, top, mark)
        if caption:
            middle, below = left + self.tile / 2, top + self.tile + 0.7 * self.size
            for number, paragraph in enumerate(_paragraphs(caption)):
                lines = 1 if number else CAPTION_LINES
                colour = PALE if number else INK
                wide = self.tile + 0.5 * self.gap
                below += self.write(middle, below, paragraph, self.size, wide, "center", colour, lines)

    def frame(self, left, top, mark):
        from matplotlib.patches import FancyBboxPatch

        width = 1 if mark is None else max(2.0, self.tile / 28)
        colour = {None: "#d5d9de", True: RIGHT, False: WRONG}[mark]
        style = (0, (2.2, 1.4)) if mark is False else "solid"
        self.axes.add_patch(
            FancyBboxPatch(
                (left, top),
                self.tile,
                self.tile,
                boxstyle=f"round,pad={width / 2},rounding_size={width}",
                fill=False,
                edgecolor=colour,
                linewidth=width,
                linestyle=style,
            )
        )
        if mark is not None:
            self.badge(left + self.tile, top, self.tile / 9, colour, mark)

    def badge(self, x, y, radius, colour, mark):
        from matplotlib.lines import Line2D
        from matplotlib.patches import Circle

        self.axes.add_patch(
            Circle((x, y), radius, facecolor=colour, edgecolor="white", linewidth=1.5, zorder=3)
        )
        tick = [((-0.45, 0.05), (-0.12, 0.38), (0.45, -0.35))]
        cross = [((-0.36, -0.36), (0.36, 0.36)), ((-0.36, 0.36), (0.36, -0.36))]
        for stroke in tick if mark else cross:
            across, down = np.transpose(stroke) * radius
            self.axes.add_line(Line2D(x + across, y + down, color="white", linewidth=radius / 4, zorder=4))

    def write(self, x, y, text, size, width, align, colour=INK, lines=1):
        """Writes below `y`; the height that the lines take."""
        wrapped, font = wrap(self.canvas.get_renderer(), text, size, width, lines)
        for number, line in enumerate(wrapped):
            self.axes.text(
                x,
                y + (number + 0.8) * 1.3 * size,
                line,
                fontproperties=font,
                color=colour,
                horizontalalignment=align,
                verticalalignment="baseline",
                parse_math=False,
            )
        return len(wrapped) * 1.3 * size

    def render(self):
        # One pixel of the array is one pixel of the figure, so nothing is blurred.
        extent = (0, self.width, self.height, 0)
        self.axes.imshow(self.pixels, extent=extent, interpolation="nearest", aspect="auto", zorder=0)
        self.axes.set(xlim=(0, self.width), ylim=(self.height, 0))
        self.canvas.draw()
        return np.array(self.canvas.buffer_rgba())[..., :3]


def _paragraphs(text):
    return [line for line in str(text).splitlines() if line.strip()]
