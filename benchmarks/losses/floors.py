"""What the figures ought to be, and whether they are."""

import numpy as np

from benchmarks.losses.cases import CASES, LEAST

# A loss, a batch, against whom, and how many times faster than it ours is to be.
SPEED = [
    ("nt_xent", 512, "pml", 100),
    ("n_pair_each_pair", 512, "pml", 100),
    ("triplet", 1024, "pml", 10),
    ("triplet_semi_hard", 512, "tfa", 10),
    ("multi_similarity", 1024, "pml", 1),
    ("supervised_contrastive", 1024, "pml", 1),
    ("circle", 1024, "pml", 1),
    ("contrastive", 1024, "pml", 1),
    ("memory_contrastive", 128, "pml", 1),
    ("memory_multi_similarity", 128, "pml", 1),
    ("memory_triplet", 128, "pml", 1),
]
MATRICES = 1.2  # what a step may take of memory, in matrices of the batch
TILED = "nt_xent", 32768, 1e9  # in tiles, under so many bytes
TILED_TIME = 1.5  # times the dense time, at the largest batch at which both run
TOLERANCE = 1e-3  # of a value: the peers add small numbers to what they divide by


def speed(row, kind, peer):
    """How many times faster ours is: by the clock or by processor time, whichever says less; or `None`."""
    if "seconds" not in row.get(kind, ()) or "seconds" not in row.get(peer, ()):
        return None
    return min(row[peer][unit] / row[kind][unit] for unit in ("seconds", "cpu_seconds"))


def is_floor(loss, batch):
    """Whether a row decides on a floor of time."""
    return (loss == TILED[0] and batch > 4096) or any(floor[:2] == (loss, batch) for floor in SPEED)


def verdicts(rows):
    """`{floor, found, met}` of every floor that the rows decide on."""
    return [*_of_speed(rows), *_of_memory(rows), *_of_tiles(rows), *_of_values(rows)]


def _verdict(floor, found, met):
    return {"floor": floor, "found": found, "met": bool(met)}


def _of_speed(rows):
    table = {(row["loss"], row["batch"]): row for row in rows}
    for loss, batch, peer, least in SPEED:
        for kind in ("plain", "xla"):
            ratio = speed(table.get((loss, batch), {}), kind, peer)
            if ratio is not None:
                aim = f"{loss}, B={batch}, {kind}: at least {least}x {peer.upper()}"
                yield _verdict(aim, f"{ratio:.1f}x", ratio >= least)


def _of_memory(rows):
    names = {case.name for case in CASES if case.tiles}
    rows = [row for row in rows if row["loss"] in names]
    for kind, most in ("plain", 4096), ("xla", 4096), ("tiled", 16384):
        known = [row for row in rows if row.get(kind, {}).get("bytes") and row["batch"] >= LEAST]
        at = max((row["batch"] for row in known if row["batch"] <= most), default=0)
        if most > 4096 >= at:
            continue  # told already
        found = {row["loss"]: row[kind]["bytes"] / row["matrix"] for row in known if row["batch"] == at}
        if found:
            yield _of_matrices(f"memory of every loss, B={at}, {kind}", found)


def of_later_steps(rows):
    """The verdict on what `benchmarks.losses.memory` wrote."""
    for batch in sorted({row["batch"] for row in rows}):
        found = {r["loss"]: r["tiled"] / r["matrix"] for r in rows if r["batch"] == batch and "tiled" in r}
        if found:
            yield _of_matrices(
                f"memory of every loss, B={batch}, in the tiles of default, once traced", found
            )


def _of_matrices(what, found):
    worst = max(found, key=found.get)
    within = sum(used <= MATRICES for used in found.values())
    text = f"{within} of {len(found)} losses; {min(found.values()):.2f} to {found[worst]:.2f} ({worst})"
    return _verdict(f"{what}: at most {MATRICES} matrices", text, within == len(found))


def _of_tiles(rows):
    loss, batch, most = TILED
    rows = [row for row in rows if row["loss"] == loss]
    for row in rows:
        used = row.get("tiled", {}).get("bytes")
        if row["batch"] == batch and used:
            yield _verdict(f"{loss} in tiles, B={batch}: under 1 GB", f"{used / 1e9:.2f} GB", used < most)
    both = [row for row in rows if speed(row, "plain", "tiled") is not None]
    if both:
        row = both[-1]
        slower = max(row["tiled"][unit] / row["plain"][unit] for unit in ("seconds", "cpu_seconds"))
        aim = f"{loss} in tiles, B={row['batch']}: at most {TILED_TIME} times the dense time"
        yield _verdict(aim, f"{slower:.2f}", slower <= TILED_TIME)


def _of_values(rows):
    equal = {case.name for case in CASES if case.equal}
    worst, where = -1.0, None
    for row in rows:
        values = [side["value"] for side in row.values() if isinstance(side, dict) and "value" in side]
        if row["loss"] in equal and len(values) > 1:
            apart = np.nan_to_num(np.ptp(values) / max(1e-3, np.abs(values).max()), nan=np.inf)
            if apart > worst:
                worst, where = apart, f"{row['loss']}, B={row['batch']}"
    if where:
        yield _verdict(
            f"values of all sides within {TOLERANCE:g}", f"{worst:.1e} ({where})", worst <= TOLERANCE
        )
