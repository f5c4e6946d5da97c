"""Time and memory of a step of every loss, forward and backward, against other libraries, in one run.

    python -m benchmarks.losses --pml PML/bin/python --tfa TFA/bin/python
    python -m benchmarks.losses --quick --pml PML/bin/python --tfa TFA/bin/python

The others need environments of their own; without one, its columns are empty:

    pip install torch==2.13.0 pytorch-metric-learning==2.9.0
    pip install tensorflow-cpu==2.15.1 tensorflow-addons==0.23.0  # Python 3.11

All sides of a row take turns on the same batch, with the same number of threads, and the best round counts.
Ratios are told by the clock or by processor time, whichever is less in favour of ours: on a machine with
other work, threads of the peers that wait for one another take long by the clock. Memory is the peak of the
resident set in a step above what it was before, in a process that has computed nothing else, and is told in
multiples of the matrix of the batch in float32. What would take more than half of the machine's memory is
listed as not fitting, and so is what has tried to. The exit status is 1 if a floor is missed.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.losses import floors, table
from benchmarks.losses.cases import CASES, OURS, QUICK
from benchmarks.losses.measuring import SLOW, measure
from benchmarks.losses.sides import Side

OUT = Path(__file__).parents[1] / "results" / "losses.json"


def main(arguments=None):
    """Measures, writes and prints; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.losses",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [case.name for case in CASES]
    parser.add_argument("--pml", help="interpreter that has pytorch-metric-learning")
    parser.add_argument("--tfa", help="interpreter that has TensorFlow Addons")
    parser.add_argument("--quick", action="store_true", help=f"batches of {QUICK} or less, in a few minutes")
    parser.add_argument("--loss", nargs="+", choices=names, metavar="NAME", default=names)
    parser.add_argument("--batch", type=int, nargs="+", help="sizes, of those that a loss is measured at")
    parser.add_argument("--kind", nargs="+", choices=OURS, default=OURS, help="of ours")
    parser.add_argument(
        "--rounds", type=int, default=5, help="of a row; twice as many where it decides on a floor"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="after which no round of a row begins")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT, help="JSON file for the results")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    limit = total_memory() // 2
    sides = open_sides(options, limit)
    try:
        versions = {name: text for side in sides.values() for name, text in side.versions.items()}
        for rows in growing(options, sides, limit):
            verdicts = floors.verdicts(rows)
            found = {"threads": options.threads, "limit": limit, "seconds": time.perf_counter() - start}
            write(options.out, {"versions": versions, **found, "floors": verdicts, "rows": rows})
    finally:
        for side in sides.values():
            side.quit()
    print(table.table(rows), table.notes(rows), table.verdict_lines(verdicts), sep="\n\n")
    return 0 if all(verdict["met"] for verdict in verdicts) else 1


def open_sides(options, limit):
    """`{kind: Side}` of those that are to be measured."""
    sides = {kind: Side(kind, sys.executable, options.threads, limit) for kind in options.kind}
    for kind in ("pml", "tfa"):
        if python := getattr(options, kind):
            sides[kind] = Side(kind, python, options.threads, limit)
    return sides


def growing(options, sides, limit):
    """The rows, one more of them each time."""
    rows = []
    for case in (case for case in CASES if case.name in options.loss):
        earlier = []
        for batch in case.batches:
            if batch in (options.batch or case.batches) and not (options.quick and batch > QUICK):
                decides = floors.is_floor(case.name, batch)
                factor, slow = (2, 10 * SLOW) if decides else (1, SLOW)
                limits = factor * options.rounds, factor * options.seconds, limit
                earlier.append(measure(case, batch, sides, *limits, earlier, slow))
                print(table.line(earlier[-1]), file=sys.stderr, flush=True)
                rows.append(earlier[-1])
                yield rows


def total_memory():
    """Bytes of the machine."""
    return 1024 * int(Path("/proc/meminfo").read_text().split("MemTotal:")[1].split()[0])


def write(path, content):
    """Writes the file whole."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(json.dumps(content, indent=1) + "\n")
    unfinished.replace(path)


if __name__ == "__main__":
    sys.exit(main())
