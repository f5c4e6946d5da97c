"""Files that are whole or not there."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path):
    """A temporary path beside `path`, for a file or a folder; it takes the name when the block ends well."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}{path.suffix}")
    try:
        yield part
        if part.is_dir() and path.is_dir():
            shutil.rmtree(path)
        part.replace(path)
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)
