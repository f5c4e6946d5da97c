"""The figures as text."""

from benchmarks.losses.cases import CASES, LEAST, OURS, PEERS
from benchmarks.losses.floors import speed


def table(rows):
    """Milliseconds of a step, its memory in matrices of the batch, and how much longer the peers take."""
    head = [f"{'loss':29} {'batch':>6} |", *(f"{kind:>9}" for kind in (*OURS, *PEERS)), "  ms |"]
    head += [*(f"{kind:>7}" for kind in (*OURS, *PEERS)), "  matrices |", "    PML/plain  PML/XLA TFA/plain"]
    return "\n".join([" ".join(head), *map(line, rows)])


def line(row):
    """One row."""
    cells = [f"{row['loss']:29} {row['batch']:6d} |"]
    cells += [f"{milliseconds(row.get(kind)):>9}" for kind in (*OURS, *PEERS)] + ["     |"]
    cells += [f"{matrices(row, kind):>7}" for kind in (*OURS, *PEERS)] + ["           |"]
    for kind, peer in (("plain", "pml"), ("xla", "pml"), ("plain", "tfa")):
        ratio = speed(row, kind, peer)
        cells.append(f"{'' if ratio is None else f'{ratio:.1f}x':>9}")
    return " ".join(cells).rstrip()


def milliseconds(found):
    """Of the best round; or why there is none."""
    if found is None:
        return ""
    if "seconds" in found:
        return f"{1e3 * found['seconds']:.4g}"
    return "no fit" if found["missing"] == "does not fit" else "failed"


def matrices(row, kind):
    """Memory of a step in matrices of the batch, where these are what counts."""
    used = row.get(kind, {}).get("bytes")
    return f"{used / row['matrix']:.2f}" if used is not None and row["batch"] >= LEAST else ""


def notes(rows):
    """What is compared, where a name does not say it."""
    names = {row["loss"] for row in rows}
    return "\n".join(f"{case.name}: {case.about}." for case in CASES if case.about and case.name in names)


def verdict_lines(verdicts):
    """One line a floor."""
    return "\n".join(
        f"{'met   ' if verdict['met'] else 'MISSED'} {verdict['floor']}: {verdict['found']}"
        for verdict in verdicts
    )
