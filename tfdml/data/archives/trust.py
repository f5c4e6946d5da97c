"""How far a file from elsewhere is trusted: its size, and what is said when it breaks."""

import errno
from contextlib import contextmanager
from pathlib import Path

LARGEST = 2**36
RATIO = 100
_ALWAYS = 2**24  # bytes that any file may unpack to: small files may well be nothing but zeros


class Refused(Exception):
    """What is in a file is not taken. The message says what it is; `named` adds which file."""


@contextmanager
def named(path, what):
    """Whatever breaks in the block is the fault of the file `path`, unless it is that of the disk.

    The formats fail in many ways (`zlib.error`, `EOFError`, `struct.error`, ...); one is enough for a caller.

    Raises:
        ValueError: It names the file, what it should be, and what it is.
        OSError: The system's own.
    """
    try:
        yield
    except Exception as error:
        # Modules of compression raise OSError without a number; a seek to nowhere is the file's fault, too.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        reason = str(error) or type(error).__name__
        raise ValueError(f"Expected {path} to be {what}, received: {shortened(reason)}") from error


def existing_file(path):
    """`path` as a `Path`, which is a file."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"Expected path to be a file, received: {path}")
    return path


def shortened(text, length=300):
    """A text that fits into a message; names in archives can be a megabyte long."""
    return text if len(text) <= length else f"{text[:length]}..."


class Meter:
    """Counts the bytes that come out of a packed file, and stops a bomb.

    Args:
        packed: Bytes of the packed file.
        largest: Most bytes that may come out of it.
        ratio: Most bytes that may come out of one packed byte; 16 MB may always.
    """

    def __init__(self, packed, largest=LARGEST, ratio=RATIO):
        self.limit = int(min(largest, max(_ALWAYS, ratio * packed)))
        self.ratio = ratio
        self.total = 0

    def add(self, count):
        """Counts bytes that came out."""
        self.total += count
        self.check(self.total)

    def check(self, total):
        """Refuses a total that is known, or only claimed."""
        if total > self.limit:
            raise Refused(
                f"a bomb, or more than `largest`: it unpacks to more than {self.limit} bytes "
                f"(and at most {self.ratio} times its own size)"
            )
