"""Work on a stream of things in threads, in order and in bounded memory."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

CHUNK = 32


def in_order(work, things, workers, chunk=None):
    """Lists of the results of `work` on each of `things`, `chunk` at a time, in the order of the things.

    A few chunks at most are under way or waiting to be taken, however slow the taker is.
    """
    things, size = iter(things), chunk or CHUNK
    with ThreadPoolExecutor(workers) as pool:
        waiting = deque()
        try:
            while chunk := list(islice(things, size)):
                waiting.append(pool.submit(lambda chunk: [work(thing) for thing in chunk], chunk))
                if len(waiting) > workers + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
