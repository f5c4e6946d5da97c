"""Runs a table of experiments, and writes it.

    python -m benchmarks.effects run benchmarks/effects/losses.yaml --data omniglot=omniglot64.npz
    python -m benchmarks.effects table benchmarks/effects/losses.yaml --out docs/effects

A YAML file names variants, image sets and seeds; every combination is a run, and a JSON file in `results/`.
`run` skips what is done, so that it goes on where it stopped; a run whose settings have changed since is done
again. Variants with a `search` have their hyper-parameters chosen first, on validation classes alone. `table`
writes a page with means over the seeds and bootstrap intervals, and a figure.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.effects import running, tables
from benchmarks.effects.plan import Plan


def main(arguments=None):
    """Runs or tabulates a plan."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.effects", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("plan", type=Path, help="YAML file")
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help=".npz file of an image set that the plan names",
    )
    parser.add_argument("--only", action="append", default=[], help="variants to run; default: all")
    parser.add_argument("--seeds", type=int, nargs="*", help="seeds to run; default: those of the plan")
    parser.add_argument("--out", type=Path, default=Path("docs/effects"), help="folder of the page")
    options = parser.parse_args(arguments)
    plan = Plan.load(options.plan)
    paths = dict(word.split("=", 1) for word in options.data)
    if options.what == "run":
        running.run(plan, paths, options.only, options.seeds)
    else:
        print(tables.write(plan, options.out))


if __name__ == "__main__":
    sys.exit(main())
