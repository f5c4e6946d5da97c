"""Times of things that take turns."""

import time


def turns(sides, rounds):
    """The best seconds of each of some functions without arguments: `{name: seconds}`.

    Each is called once before, and they take turns: other work on the machine, which only slows down, is left
    out of the best, or else slows all.
    """
    times = {name: [] for name in sides}
    for call in sides.values():
        call()
    for _ in range(rounds):
        for name, call in sides.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: min(seconds) for name, seconds in times.items()}
