"""Annotation files, read strictly: what is not as published is an error that names the file and the line."""

from pathlib import PureWindowsPath

from tfdml.data.archives import read_lines


def read_table(path, columns, skip=0, sep=None, rest=False):
    """The rows of a text file, one a line.

    Args:
        path: Path of the file.
        columns: `{name: function}` from a column's text to its value; it raises ValueError for what is none.
        skip: Lines before the first row. Defaults to `0`.
        sep: What is between columns. Defaults to any white space.
        rest: Whether the last column is the rest of the line, whatever is in it. Defaults to `False`.

    Returns:
        A list of tuples.

    Raises:
        ValueError: A line has other columns; the message names the file and the line.
    """
    rows = []
    for number, line in enumerate(read_lines(path), 1):
        if number <= skip:
            continue
        texts = line.split(sep, len(columns) - 1 if rest else -1)
        try:
            values = (convert(text.strip()) for convert, text in zip(columns.values(), texts, strict=True))
            rows.append(tuple(values))
        except ValueError:
            expected = " ".join(f"<{name}>" for name in columns)
            raise ValueError(
                f"Expected line {number} of {path} to be {expected}, received: {line!r}"
            ) from None
    return rows


def read_numbered(path, name, convert):
    """The second column of a text file whose first counts from 1.

    Args:
        path: Path of the file.
        name: What the second column is called.
        convert: Function from its text to its value.

    Returns:
        A list of values.

    Raises:
        ValueError: A line has other columns or another number.
    """
    rows = read_table(path, {"number": int, name: convert}, rest=True)
    for number, row in enumerate(rows, 1):
        if row[0] != number:
            raise ValueError(
                f"Expected line {number} of {path} to have the number {number}, received: {row[0]}"
            )
    return [value for _, value in rows]


def one_of(*values):
    """A function from a text to itself, if it is one of `values`."""
    known = frozenset(values)

    def check(text):
        if text not in known:
            raise ValueError(text)
        return text

    return check


def inside(text):
    """A path below a folder, with `/`. A list may not lead to files elsewhere.

    Raises:
        ValueError: It is empty, absolute, or has `..` in it.
    """
    parts = PureWindowsPath(text).parts  # knows the separators and roots of all systems
    if not parts or ".." in parts or PureWindowsPath(text).anchor or "\0" in text:
        raise ValueError(text)
    return "/".join(parts)
