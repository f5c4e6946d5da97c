"""Memory of a step of every loss of ours once its graph is built, whole and in the tiles of `tile="auto"`.

    python -m benchmarks.losses.memory
    python -m benchmarks.losses.memory --batch 4096 16384 --kind tiled
    python -m benchmarks.losses.page

The peak of the resident set in the third step above what it was before, in a process that computes nothing
else. Large blocks go back to the system at once there, which takes time: nothing is timed.
`benchmarks.losses` tells the peak of a first step, in which TensorFlow builds and keeps its graph, beside
times. The exit status is 1 if a loss in tiles takes more than 1.2 matrices of the batch.
"""

import argparse
import ctypes
import importlib
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from benchmarks.losses.cases import CASES
from benchmarks.losses.floors import MATRICES
from benchmarks.losses.worker import CLEAR, reset_peak, resident

OUT = Path(__file__).parents[1] / "results" / "losses_memory.json"
MMAP_THRESHOLD = -3  # of mallopt
STEPS, THREADS = 3, 2


def main(arguments=None):
    """Measures, writes and prints; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.losses.memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [case.name for case in CASES if case.tiles]
    parser.add_argument("--loss", nargs="+", choices=names, metavar="NAME", default=names)
    parser.add_argument("--batch", type=int, nargs="+", default=[4096])
    parser.add_argument("--kind", nargs="+", choices=("plain", "tiled"), default=["plain", "tiled"])
    parser.add_argument("--out", type=Path, default=OUT, help="JSON file for the results")
    options = parser.parse_args(arguments)
    if not CLEAR.exists():
        parser.error("only Linux tells the peak of a step")
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # which keeps scratch memory of its own
    library = importlib.import_module("benchmarks.losses.tfdml_side")
    rows = []
    for batch in options.batch:
        for name in options.loss:
            found = {kind: in_a_fork(library, name, batch, kind) for kind in options.kind}
            rows.append({"loss": name, "batch": batch, "matrix": 4 * batch**2, **found})
            matrices = (f"{kind} {used / (4 * batch**2):.2f}" for kind, used in found.items())
            print(f"{name:30} {batch:6} ", *matrices, flush=True)
    results = {"versions": library.versions(), "rows": rows}
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row.get("tiled", 0) <= MATRICES * row["matrix"] for row in rows) else 1


def in_a_fork(library, name, batch, kind):
    """Bytes of the last step, in a process that is forked for it."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        with suppress(Exception):
            os.write(writing, str(measured(library, name, batch, kind)).encode())
            code = 0
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as answer:
        used = answer.read()
    if os.waitpid(child, 0)[1] or not used:
        raise RuntimeError(
            f"Expected {name} at {batch}, {kind}, to take a step, received: its process failed"
        )
    return int(used)


def measured(library, name, batch, kind):
    """The peak of the last of some steps above what was resident before it."""
    ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, 2**16)
    library.use_threads(THREADS)
    step = library.step(name, batch, kind)
    for _ in range(STEPS):
        before = reset_peak()
        step()
    return resident("VmHWM") - before


if __name__ == "__main__":
    sys.exit(main())
