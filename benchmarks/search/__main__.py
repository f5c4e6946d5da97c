"""Search: what it costs in a classifier, what a refresh costs, and what approximate indexes gain, in one run.

    python -m benchmarks.search --embeddings embeddings.npz
    python -m benchmarks.search.page

FAISS and ScaNN are measured where they are installed (`tfdml[faiss]`, `tfdml[scann]`). What is compared takes
turns, and the best round counts. An index is taken at the first of some settings at which it finds 97 of 100
of the true neighbours, and runs on all cores, as the exact search does. The exit status is 1 if a floor is
missed.
"""

import argparse
import importlib.metadata
import json
import os
import sys
from pathlib import Path

from benchmarks.search import coded, embeddings, floors, head, indexes, refresh

OUT = Path(__file__).parents[1] / "results" / "search.json"
PARTS = "head", "refresh", "indexes", "centers"


def main(arguments=None):
    """Measures, writes and prints; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--embeddings", type=Path, help=".npz that they are kept in, or read from if it is there"
    )
    parser.add_argument("--out", type=Path, default=OUT, help="JSON file for the results")
    options = parser.parse_args(arguments)
    results = {"versions": versions(), "cores": os.cpu_count()}
    if "head" in options.part:
        results["head"] = list(head.measure(options.rounds))
    if "refresh" in options.part:
        results["refresh"] = list(refresh.measure(options.rounds))
    if {"indexes", "centers"} & set(options.part):
        gallery, queries = embeddings.load(options.embeddings)
        if "indexes" in options.part:
            results["indexes"], results["held"] = indexes.measure(gallery, queries, options.rounds)
        if "centers" in options.part:
            results["centers"] = list(coded.measure(gallery))
    results["floors"] = list(floors.verdicts(results))
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for verdict in results["floors"]:
        print("met   " if verdict["met"] else "MISSED", verdict["floor"], "--", verdict["found"])
    return 0 if all(verdict["met"] for verdict in results["floors"]) else 1


def versions():
    """Of what is compared, as far as it is installed."""
    found = {}
    for package in ("tensorflow", "keras", "faiss-cpu", "scann-core"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    sys.exit(main())
