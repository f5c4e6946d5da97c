"""The results as the last part of docs/search.md.

python -m benchmarks.search.page
"""

import json
from pathlib import Path

from benchmarks.search.__main__ import OUT
from benchmarks.search.floors import faster

PAGE = Path(__file__).parents[2] / "docs" / "search.md"
START = "## Measured"
BATCHES = 1, 64, 1024


def page(results, text):
    """`text`, with what the benchmark wrote in place of what was measured before."""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    parts = [
        START,
        "",
        f"`python -m benchmarks.search`, {versions}, {results['cores']} cores that other work shared, no "
        "GPU. What is compared took turns, and the best round counts. The refresh was measured again after "
        "it had become faster.",
        "",
        *table(["Aim", "Found", ""], aims(results["floors"])),
        "",
        "### Indexes",
        "",
        "100,000 embeddings of changed emoji on their 128 first principal directions. An index is taken at "
        "the first of some settings at which it finds 97 of 100 of the true neighbours. Queries at a time "
        "against `Exact`, for 1, 10 and 32 neighbours:",
        "",
        *table(["Index", "k", "At", "Recall", *(f"{n:,} at a time" for n in BATCHES)], speeds(results)),
        "",
        *table(["Index", "Bytes a row", "Built in, s"], held(results)),
        "",
        "A row is 512 bytes of numbers.",
        "",
        "### Centers",
        "",
        "Bytes of a classifier of 100,000 centers of 128 dimensions, with classes, weights and mask:",
        "",
        *table(["Centers", "Bytes a center", "Beside them, KB"], centers(results)),
        "",
        "### Head and refresh",
        "",
        *table(["", "Times"], classifier(results)),
    ]
    return text.partition(START)[0] + "\n".join(parts) + "\n"


def table(head, lines):
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *lines)]


def aims(verdicts):
    for verdict in verdicts:
        yield verdict["floor"], verdict["found"], "met" if verdict["met"] else "**missed**"


def speeds(results):
    rows = {(row["index"], row["k"], row["batch"]): row for row in results["indexes"]}
    for index, k in dict.fromkeys((row["index"], row["k"]) for row in results["indexes"]):
        of_batches = [rows[index, k, batch] for batch in BATCHES]
        ratios = [f"{faster(row):.3g} times" for row in of_batches]
        yield index, str(k), setting(of_batches[0]), f"{of_batches[0]['recall']:.3f}", *ratios


def setting(row):
    return ", ".join(f"`{name}={row[name]}`" for name in ("probes", "refine", "effort") if name in row)


def held(results):
    for row in results["held"]:
        yield row["index"], f"{row['bytes_a_row']:.0f}", f"{row['build_seconds']:.1f}"


def centers(results):
    for row in results["centers"]:
        yield row["centers"], f"{row['bytes_a_center']:.0f}", f"{row['fixed_bytes'] / 1000:.1f}"


def classifier(results):
    for row in results["head"]:
        name = f"head of 100,000 x 512 centers, {row['batch']} queries, against `matmul` and `top_k`"
        yield name, f"{row['head'] / row['bare']:.2f}"
    for row in results["refresh"]:
        name = f"refresh, {row['network']}, {row['pictures']:,} pictures of {row['side']} pixels"
        yield f"{name}, against `predict`", f"{row['refresh'] / row['predict']:.3f}"


if __name__ == "__main__":
    written = page(json.loads(OUT.read_text(encoding="utf-8")), PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(written, encoding="utf-8")
