"""The results as a page of the documentation.

python -m benchmarks.losses.page
"""

import json
from pathlib import Path

from benchmarks.losses.__main__ import OUT
from benchmarks.losses.cases import CASES, SLOTS
from benchmarks.losses.floors import of_later_steps, speed
from benchmarks.losses.memory import OUT as MEMORY
from benchmarks.losses.table import matrices

PAGE = Path(__file__).parents[2] / "docs" / "losses" / "speed.md"
TIMED = 128, 512, 1024, 4096
HEAD = """# Time and memory

A step of every loss, forward and backward, in 128 dimensions with four samples a class, against
pytorch-metric-learning (PML) and TensorFlow Addons (TFA), all in one run on two shared cores without a GPU:

```bash
python -m benchmarks.losses --pml PML/bin/python --tfa TFA/bin/python
python -m benchmarks.losses.page
```

`contrastive` (128 and 1,024) and `memory_contrastive` were measured again after they had become faster. All
sides of a row take turns on the same batch, and the best round counts. A ratio is how many times longer the
peer takes, by the clock or by processor time, whichever says less for ours. Memory is the peak of a first
step, the graph included, in multiples of the matrix of the batch in float32. "No fit" is what would take more
than half of the machine's memory. What a step holds once its graph is there is measured apart:

```bash
python -m benchmarks.losses.memory
```
"""


def page(results, memory):
    """The page, from what the benchmarks wrote."""
    rows, versions = results["rows"], results["versions"]
    measured = ", ".join(f"{name} {version}" for name, version in versions.items())
    verdicts = [*results["floors"], *of_later_steps(memory["rows"])]
    parts = [
        HEAD,
        f"Measured: {measured}; {results['threads']} threads, "
        f"up to {results['limit'] / 1e9:.1f} GB a step.\n",
    ]
    parts += ["## Aims\n", *_table(["Aim", "Found", ""], map(_verdict, verdicts))]
    parts += ["\n## Time\n", "How many times longer the peer takes, plain and with XLA.\n"]
    parts += _table(["", "Peer", *(f"{n:,}" for n in TIMED)], _times(rows))
    parts += ["\n## Memory\n"]
    parts += [
        "In matrices of the batch: 67 MB at 4,096, 1.1 GB at 16,384; of a first step, and of a later one. "
        "Tiles are those that such a batch has by [default](../large_batches.md#tiles), of 64 at 4,096 and "
        "of 256 at 16,384.\n"
    ]
    heads = ["", "4,096", "with XLA", "PML", "16,384", "in tiles", "later, 4,096", "in tiles"]
    parts += _table(heads, _memories(rows, memory["rows"]))
    notes = [f"- {case.name}: {case.about}." for case in CASES if case.about]
    parts += ["\n## What is compared\n", *notes]
    parts += [f"- memory_…: a batch of 128 against cross-batch memories of {SLOTS:,} slots."]
    return "\n".join(parts) + "\n"


def _verdict(verdict):
    return verdict["floor"], verdict["found"], "met" if verdict["met"] else "**missed**"


def _table(head, lines):
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *lines)]


def _times(rows):
    known = {(row["loss"], row["batch"]): row for row in rows}
    for case in CASES:
        for peer in case.peers:
            cells = [_ratios(known.get((case.name, batch), {}), peer) for batch in TIMED]
            if any(cells):
                yield f"`{case.name}`", peer.upper(), *cells


def _ratios(row, peer):
    """Of plain and of XLA, or why there is none."""
    if row.get(peer, {}).get("missing"):
        return "no fit" if row[peer]["missing"] == "does not fit" else "failed"
    found = [speed(row, kind, peer) for kind in ("plain", "xla")]
    return ", ".join(
        f"{ratio:,.1f}" if ratio < 100 else f"{ratio:,.0f}" for ratio in found if ratio is not None
    )


def _memories(rows, later):
    later = {row["loss"]: row for row in later if row["batch"] == 4096}
    known = {(row["loss"], row["batch"]): row for row in rows}
    for case in CASES:
        if case.tiles and (case.name, 4096) in known:
            small, large = known[case.name, 4096], known.get((case.name, 16384), {})
            cells = [matrices(small, kind) for kind in ("plain", "xla", "pml")]
            cells += [matrices(large, kind) or _missing(large, kind) for kind in ("plain", "tiled")]
            step = later[case.name]
            cells += [f"{step[kind] / step['matrix']:.2f}" for kind in ("plain", "tiled")]
            yield f"`{case.name}`", *cells


def _missing(row, kind):
    return "no fit" if row.get(kind, {}).get("missing") == "does not fit" else ""


if __name__ == "__main__":
    found = (json.loads(path.read_text(encoding="utf-8")) for path in (OUT, MEMORY))
    PAGE.write_text(page(*found), encoding="utf-8")
