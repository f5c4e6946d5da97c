"""What zip and tar archives have in common."""

from collections.abc import Callable
from typing import BinaryIO, NamedTuple

WHOLE = "a whole zip or tar archive of files and folders"
FILE, FOLDER = "a file", "a folder"


class Member(NamedTuple):
    """A member of an archive, as the archive describes it: nothing of it is checked.

    Args:
        name: Its name.
        kind: `FILE`, `FOLDER`, or what else it is.
        size: Bytes that it says it has; `None` where only reading it tells.
        open: A function that gives its content, as a file to read.
    """

    name: str
    kind: str
    size: int | None
    open: Callable[[], BinaryIO]
