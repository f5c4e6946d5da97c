"""One row of the table: all sides of a case by turns, on the same batch."""

import time

from benchmarks.losses.cases import LEAST
from benchmarks.losses.sides import FailedError

SLOW = 1.5  # seconds: what takes longer at first has no second round; ten times as many where floors need it
ONCE = 3e8  # bytes that a first step may take whatever the batch: compilers, kernels, threads
CUBIC = 100  # matrices of the batch: what takes more grows with the cube of the batch


def measure(case, batch, sides, rounds, seconds, limit, earlier=(), slow=SLOW):
    """A row: of each side that has the case the best times, the memory and the value.

    Args:
        case: A `Case`.
        batch: Number of embeddings.
        sides: `{kind: Side}`.
        rounds: At most so many rounds.
        seconds: No round begins after so many, but for the first two.
        limit: Bytes that a step may take.
        earlier: Rows of the case, of smaller batches, from which it follows what this one may take.
        slow: Seconds of a first step after which there is no second.
    """
    row = {"loss": case.name, "batch": batch, "matrix": 4 * batch**2}
    for kind in case.sides(batch):
        if kind in sides:
            row[kind] = begin(sides[kind], case.name, batch, expectation(kind, batch, earlier), limit, slow)
    start = time.perf_counter()
    for number in range(1, rounds):
        if number > 1 and time.perf_counter() - start > seconds:
            break
        for kind in sides:
            if kind in row and "seconds" in row[kind] and row[kind]["seconds"] < slow:
                time.sleep(0.01)  # threads of the side before stop waiting for work
                found = sides[kind].step()
                for unit in ("seconds", "cpu_seconds"):
                    row[kind][unit] = min(row[kind][unit], found[unit])
                row[kind]["rounds"] += 1
    for kind, side in sides.items():
        if "seconds" in row.get(kind, ()):
            side.close()
    return row


def begin(side, case, batch, expected, limit, slow):
    """The first steps: what one takes of memory, and a first time; or why there is none."""
    if expected is not None and expected > limit:
        return {"missing": "does not fit", "expected_bytes": expected if expected < float("inf") else None}
    try:
        side.open(case, batch, warm=batch >= LEAST)
        found = side.step()
        if found["seconds"] < slow or side.kind == "xla":  # the first compiles
            found = {**side.step(), "bytes": found["bytes"]}
    except FailedError as error:
        return {"missing": "does not fit" if error.memory else str(error), "expected_bytes": None}
    return {**found, "rounds": 1}


def expectation(kind, batch, earlier):
    """Bytes a step will take; `None` where nothing is known, infinity where a smaller one did not fit."""
    known = [row for row in earlier if kind in row]
    if not known:
        return None
    last = known[-1]
    growth = batch / last["batch"]
    if missing := last[kind].get("missing"):
        return growth * (last[kind]["expected_bytes"] or float("inf")) if missing == "does not fit" else None
    used = max(0, (last[kind]["bytes"] or 0) - ONCE)
    return used * growth ** (3 if used > CUBIC * last["matrix"] else 2)
