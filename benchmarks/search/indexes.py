"""What each index finds, how fast, and what it holds."""

import functools
import importlib.util
import time

from benchmarks.compression import overlap
from benchmarks.search.turns import turns

KS = 1, 10, 32
BATCHES = 1, 64, 1024
ENOUGH = 0.97

# Name, needs, class, arguments, and the settings that are tried, from the fastest on.
PROBES = [{"probes": n} for n in (2, 4, 8, 12, 16, 24, 32, 48)]
REFINED = [{"probes": n, "refine": 4} for n in (2, 4, 8, 12, 16, 24, 32, 48)]
KINDS = [
    ("IVF", None, "IVF", {}, PROBES),
    ("FAISS, ivf", "faiss", "FAISS", {"kind": "ivf"}, PROBES),
    ("FAISS, fast_scan", "faiss", "FAISS", {"kind": "fast_scan"}, REFINED),
    ("FAISS, hnsw", "faiss", "FAISS", {"kind": "hnsw"}, [{"effort": n} for n in (8, 12, 16, 24, 32, 48, 64)]),
    ("ScaNN", "scann", "ScaNN", {}, REFINED),
]


def measure(gallery, queries, rounds, kinds=KINDS):
    """A row an index, a number of neighbours and a batch; and a row an index of what it holds."""
    from tfdml import search

    exact, seconds = built(search.Exact(), gallery)
    rows, held = [], [holding("Exact", exact, seconds)]
    for name, needs, kind, arguments, settings in kinds:
        if needs and not importlib.util.find_spec(needs):
            continue
        index, seconds = built(getattr(search, kind)(**arguments), gallery)
        held.append(holding(name, index, seconds))
        for k in KS:
            rows += compared(name, index, exact, queries, k, settings, rounds)
            print(rows[-1], flush=True)
    return rows, held


def built(index, gallery):
    """The index, and the seconds that it took."""
    start = time.perf_counter()
    index.build(gallery)
    return index, round(time.perf_counter() - start, 2)


def holding(name, index, seconds):
    return {"index": name, "bytes_a_row": index.memory / index.size, "build_seconds": seconds}


def compared(name, index, exact, queries, k, settings, rounds):
    """Times of both at the first setting that finds enough, a row a batch."""
    truth = exact.query(queries, k).indices
    for setting in settings:
        for argument, value in setting.items():
            setattr(index, argument, value)
        recall = overlap(index.query(queries, k).indices, truth)
        if recall >= ENOUGH:
            break
    for batch in BATCHES:
        some = queries[:batch]
        sides = {
            n: functools.partial(i.query, some, k) for n, i in (("exact", exact), ("index_seconds", index))
        }
        times = {n: seconds / batch for n, seconds in turns(sides, rounds).items()}
        yield {"index": name, **setting, "k": k, "batch": batch, "recall": round(recall, 4), **times}
