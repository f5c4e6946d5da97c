"""What the figures ought to be, and whether they are."""

from benchmarks.search.indexes import ENOUGH

HEAD, REFRESH, FASTER = 1.2, 1.05, 20


def verdicts(results):
    """`{floor, found, met}` of each."""
    heads = [row["head"] / row["bare"] for row in results.get("head", ())]
    if heads:
        floor = f"a head of 100,000 x 512 centers takes at most {HEAD} times `matmul` and `top_k`"
        yield verdict(floor, heads, max(heads) <= HEAD)
    refreshes = [row["refresh"] / row["predict"] for row in results.get("refresh", ())]
    if refreshes:
        floor = f"a refresh takes at most {REFRESH} times `predict`"
        yield verdict(floor, refreshes, max(refreshes) <= REFRESH)
    for library in ("FAISS", "ScaNN"):
        best = best_of(results.get("indexes", ()), library)
        if best:
            floor = f"{library} answers {FASTER} times the queries of `Exact` in a second, at recall .97"
            yield verdict(floor, best, min(best) >= FASTER)


def best_of(rows, library):
    """Of each number of neighbours, how many times faster the best kind is, 1,024 queries at a time.

    0 where none finds enough.
    """
    best = {}
    for row in rows:
        if row["index"].startswith(library) and row["batch"] == 1024:
            ratio = faster(row) if row["recall"] >= ENOUGH else 0
            best[row["k"]] = max(best.get(row["k"], 0), ratio)
    return [best[k] for k in sorted(best)]


def faster(row):
    """How many times faster an index is than the exact search."""
    return row["exact"] / row["index_seconds"]


def verdict(floor, ratios, met):
    return {"floor": floor, "found": ", ".join(f"{ratio:.3g}" for ratio in ratios), "met": bool(met)}
