"""Measures one side in an interpreter of its own. Every computation is a fork that has nothing of others.

One request a line: what is to be computed opens it, `step` is a step, `end` closes it. Libraries are
loaded once, before the fork, and nothing is computed there: so no thread of theirs is lost in it.
"""

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

FEW = 32  # embeddings that one warms up with: threads, kernels and compilers take memory once
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def main(side, threads, limit):
    """Serves until standard input ends; a computation may take `limit` bytes."""
    library = importlib.import_module(f"benchmarks.losses.{side}_side")
    answer(versions=library.versions())
    for line in sys.stdin:
        child = os.fork()
        if not child:
            code = 1
            try:
                library.use_threads(threads)
                serve(library, json.loads(line), limit)
                code = 0
            except Exception as error:  # of any library: what it says goes into the table
                answer(failed=f"{type(error).__name__}: {error}"[-300:])
            finally:
                os._exit(code)
        answer(ended=os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def serve(library, request, limit):
    """Steps of one computation. `step` gives a value and its gradient by the embeddings, as arrays."""
    if request.pop("warm"):
        library.step(**{**request, "batch_size": FEW})()
    step = library.step(**request)
    if STATUS.exists():
        resource.setrlimit(resource.RLIMIT_DATA, (resident("VmData") + limit,) * 2)
    answer(ready=True)
    # The lines of one computation come one by one: none is in the buffer of the process that was forked.
    while sys.stdin.readline().strip() == "step":
        before = reset_peak()
        start = time.perf_counter(), time.process_time()
        value, gradient = step()
        seconds, cpu_seconds = time.perf_counter() - start[0], time.process_time() - start[1]
        used = None if before is None else resident("VmHWM") - before
        answer(
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            bytes=used,
            value=float(value),
            gradient=float(np.linalg.norm(gradient)),
        )


def answer(**content):
    """Writes one line."""
    print(json.dumps(content), flush=True)


def reset_peak():
    """Resident bytes, from which the peak is counted anew; `None` where the system does not tell."""
    if not CLEAR.exists():
        return None
    CLEAR.write_text("5")
    return resident("VmRSS")


def resident(name):
    """Bytes of a line of the status."""
    return int(STATUS.read_text().split(f"{name}:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
