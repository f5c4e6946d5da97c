"""Downloads that end with the whole file under its name."""

from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from tfdml.data.download.errors import DownloadError
from tfdml.data.download.mirrors import bring
from tfdml.data.download.partial import Partial
from tfdml.files import reason


def download_file(file, folder, *, progress=None, note=None, retries=5, backoff=1.0, timeout=30.0):
    """Brings a file from the first of its mirrors that has it; goes on where an earlier attempt ended.

    The file takes its name when it is whole and has the size and digest of `file`; until then `.NAME.part`
    holds what has come. A whole one that is there is not asked for again. Of several processes one downloads,
    and the others wait for it. Proxies are those of the environment (`HTTPS_PROXY`, `NO_PROXY`, ...).

    Args:
        file: A `RemoteFile`.
        folder: Where to put it; made if it is not there.
        progress: Function that is called with the file's name, the bytes that are here, and the bytes of the
            whole file or None, for example that of `progress_bar`. Defaults to None, silence.
        note: What a person must know to fetch the file by hand, put into the error if there is no other way.
            Defaults to None.
        retries: How often a mirror that fails for the moment (time-out, lost connection, too busy) is asked
            again, 0 or more. The count starts anew whenever more of the file has come. Defaults to 5.
        backoff: Seconds before it is asked again; they double each time, up to two minutes. What the server
            asks for in `Retry-After` goes first. Defaults to 1.
        timeout: Seconds without a byte after which a connection is given up, more than 0. Defaults to 30.

    Returns:
        The path of the file.

    Raises:
        DownloadError: No mirror gave the file: an OSError that names each of them, and why.
        FileNotFoundError: The file has no addresses and is not there: it must be fetched by hand.
        OSError: The file cannot be written: no space, no permission.

    Example: a file that is there, whole, is not downloaded again.

    >>> from tfdml.data.download import RemoteFile, download_file
    >>> _ = Path("classes.txt").write_bytes(b"1 albatross")
    >>> file = RemoteFile(
    ...     "classes.txt",
    ...     ("https://example.org/classes.txt",),
    ...     size=11,
    ...     md5="ad9ebe96e71acb7217b3ed09aecfc0cb",
    ... )
    >>> download_file(file, ".").name
    'classes.txt'
    """
    check_patience(retries, backoff, timeout)
    path = Path(folder).expanduser() / file.name
    partial = Partial(path)
    lock = path.with_name(f".{file.name}.lock")
    here = is_whole(path, file)
    if here and not any(left.exists() for left in (partial.path, partial.note, lock)):
        return path
    if not here and not file.urls:
        raise FileNotFoundError(by_hand(file, path, note))
    # Where the file is here, this only tidies up after a process that was killed, and may fail to.
    with suppress(OSError) if here else writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=0 if here else -1):
            # Another process may have brought it in the meantime.
            if not is_whole(path, file):
                bring(file, partial, progress or silence, note, retries, backoff, timeout)
            partial.discard()
        # Those who wait for this lock will find the whole file, and have nothing to keep each other from.
        # Windows leaves the removal to the last of them.
        with suppress(PermissionError):
            lock.unlink(missing_ok=True)
    return path


def check_patience(retries, backoff, timeout):
    """Raises a ValueError for numbers that make no sense."""
    if retries < 0:
        raise ValueError(f"Expected retries to be 0 or more, received: {retries}")
    if backoff < 0:
        raise ValueError(f"Expected backoff to be 0 seconds or more, received: {backoff}")
    if timeout <= 0:
        raise ValueError(f"Expected timeout to be more than 0 seconds, received: {timeout}")


def is_whole(path, file):
    """Whether the file is at `path`, all of it."""
    return path.is_file() and file.fault(path) is None


@contextmanager
def writing(path):
    """Errors of the system name the file that could not be written."""
    try:
        yield
    except DownloadError:
        raise
    except OSError as error:
        raise OSError(f"Cannot write {path}: {reason(error)}") from error


def by_hand(file, path, note):
    """What to say of a file that cannot be downloaded."""
    found = f" What is there is not that file: {file.fault(path)}." if path.is_file() else ""
    return f"{file.name} must be fetched by hand and put at {path}.{f' {note}' if note else ''}{found}"


def silence(name, done, total):
    """No progress to show."""
