"""Whether a file has room on its disk."""

import shutil


def check_space(partial, total):
    """Raises an OSError if what is missing of `total` bytes does not fit beside `partial`.

    Args:
        partial: A `Partial`; the bytes it has need no more room, even where they are to be replaced.
        total: Bytes of the whole file, or None, which checks nothing.
    """
    if total is None:
        return
    missing = total - partial.size
    free = shutil.disk_usage(partial.path.parent).free
    if missing > free:
        raise OSError(f"no space left: {missing:,} bytes are to come, {free:,} are free")
