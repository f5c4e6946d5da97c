"""The benchmark of search: that it runs, and what it makes of figures."""

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # benchmarks are no part of the package

from benchmarks.search import coded, floors, head, indexes, page
from benchmarks.search.__main__ import OUT, main


def test_it_measures_writes_and_prints_floors(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(head, "CENTERS", 300)
    monkeypatch.setattr(head, "CLASSES", 5)
    monkeypatch.setattr(head, "BATCHES", (4,))
    out = tmp_path / "search.json"
    code = main(["--part", "head", "--rounds", "1", "--out", str(out)])
    found = json.loads(out.read_text())
    (row,) = found["head"]
    assert row["batch"] == 4 and row["bare"] > 0 and row["head"] > 0
    assert code == (not found["floors"][0]["met"]) and "a head of" in capsys.readouterr().out


def test_an_index_is_taken_where_it_finds_enough():
    gallery = np.random.default_rng(0).normal(size=(1200, 6)).astype("float32")
    own = [kind for kind in indexes.KINDS if kind[1] is None]
    rows, held = indexes.measure(gallery, gallery[:64], rounds=1, kinds=own)
    assert {row["index"] for row in rows} == {"IVF"} and {row["k"] for row in rows} == {1, 10, 32}
    assert all(row["recall"] >= 0.97 for row in rows)
    assert {row["index"]: row["bytes_a_row"] >= 4 * 6 for row in held} == {"Exact": True, "IVF": True}


def test_bytes_of_centers():
    gallery = np.random.default_rng(0).normal(size=(600, 64)).astype("float32")
    vectors, *codes = coded.measure(gallery)
    # 64 numbers, half a square, a class, a weight, and whether it is in use.
    assert vectors["bytes_a_center"] == 4 * 64 + 3 * 4 + 1
    assert [row["bytes_a_center"] for row in codes] == [8 + 9, 16 + 9, 32 + 9]
    assert all(row["fixed_bytes"] > 4 * 64 * 256 for row in codes)


def row(index, ratio, recall=0.98, batch=1024, k=10):
    return {"index": index, "batch": batch, "k": k, "recall": recall, "exact": ratio, "index_seconds": 1.0}


def test_floors_are_met_or_missed():
    rows = [row("FAISS, hnsw", 25), row("FAISS, ivf", 3), row("ScaNN", 30, recall=0.9), row("ScaNN", 19)]
    found = {
        "indexes": rows,
        "head": [{"batch": 1, "bare": 1, "head": 1.3}],
        "refresh": [{"predict": 1, "refresh": 1}],
    }
    assert [verdict["met"] for verdict in floors.verdicts(found)] == [False, True, True, False]
    assert list(floors.verdicts({})) == []
    of_few = {"indexes": [row("ScaNN", 30), row("ScaNN", 30, recall=0.9, k=32)]}
    assert [(verdict["found"], verdict["met"]) for verdict in floors.verdicts(of_few)] == [("30, 0", False)]


def test_the_page_shows_what_was_measured():
    """`python -m benchmarks.search.page` writes it anew."""
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.page(json.loads(OUT.read_text(encoding="utf-8")), text) == text
