"""One process at a time."""

from contextlib import ExitStack, contextmanager

from filelock import FileLock, Timeout


@contextmanager
def alone(paths, sentence, note):
    """Holds the locks of some paths, one after the other; says `sentence` once for each that another has."""
    with ExitStack() as held:
        for path in paths:
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                note(sentence)
                lock.acquire()
            held.callback(lock.release)
        yield
