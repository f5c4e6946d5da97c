"""Files that are whole or not there."""

import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path):
    """A temporary path beside `path`, for a file or a folder; it takes the name when the block ends well.

    Raises:
        OSError: It cannot be written; the message names `path` and the reason.
    """
    path = Path(path)
    part = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        if part.is_dir() and path.is_dir():
            shutil.rmtree(path)
        part.replace(path)
    except Exception as error:
        if is_about_files(error):
            where = getattr(error, "filename", None)
            where = "" if where is None or Path(where) == part else f" ({where})"
            raise OSError(f"Cannot write {path}: {reason(error)}{where}") from error
        raise
    finally:
        remove(part)


def is_about_files(error):
    """Whether an error is the system's. TensorFlow and HDF5 have names of their own for a full disk."""
    named = type(error).__module__.startswith("tensorflow.")
    return named or isinstance(error, OSError) or (isinstance(error, RuntimeError) and "errno" in str(error))


def reason(error):
    """Why the system refused, in its own words."""
    return getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)


def remove(path):
    """Removes a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        path.unlink(missing_ok=True)


def remove_parts(folder):
    """Removes what a process that was killed had begun to write in `folder`."""
    for part in folder.glob(".*"):
        if re.match(r"\.+\d+\.", part.name):
            remove(part)
