"""The benchmark of the losses: that it runs, and what it makes of figures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # benchmarks are no part of the package

from benchmarks.losses import floors, measuring, memory, page, table
from benchmarks.losses.__main__ import OUT, main
from benchmarks.losses.worker import CLEAR


def side(seconds, megabytes=4.0, value=1.0):
    return {"seconds": seconds, "cpu_seconds": seconds, "bytes": 1e6 * megabytes, "value": value}


def row(loss, batch, **sides):
    return {"loss": loss, "batch": batch, "matrix": 4 * batch**2, **sides}


def test_it_measures_writes_and_prints_a_table(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.losses.__main__.SLOW", float("inf"))  # however slow the machine
    out = tmp_path / "losses.json"
    arguments = ["--loss", "contrastive", "--batch", "128", "--kind", "plain", "--rounds", "2"]
    assert main([*arguments, "--out", str(out)]) == 0
    (found,) = json.loads(out.read_text())["rows"]
    assert (found["loss"], found["batch"]) == ("contrastive", 128)
    assert found["plain"]["seconds"] > 0 and found["plain"]["rounds"] == 2
    assert found["plain"]["value"] == pytest.approx(0.7518, abs=1e-4)
    assert "contrastive " in capsys.readouterr().out


@pytest.mark.parametrize("theirs, met", [(9.9, False), (10.1, True)])
def test_a_floor_of_speed_is_met_or_missed(theirs, met):
    (verdict,) = [
        x
        for x in floors.verdicts([row("triplet", 1024, plain=side(1), pml=side(theirs))])
        if "10x" in x["floor"]
    ]
    assert verdict["met"] is met


def test_the_ratio_is_the_worse_of_clock_and_processor_time():
    found = row("triplet", 1024, plain=side(1), pml={**side(30), "cpu_seconds": 12})
    assert floors.speed(found, "plain", "pml") == 12


def test_values_that_differ_are_a_floor_missed():
    rows = [row("circle", 128, plain=side(1), pml=side(2, value=value)) for value in (1.0, 1.1)]
    assert floors.verdicts(rows[:1])[-1]["met"] and not floors.verdicts(rows)[-1]["met"]


def test_a_value_that_is_not_a_number_differs():
    rows = [row("circle", 128, plain=side(1), pml=side(2, value=float("nan")))]
    assert not floors.verdicts(rows)[-1]["met"]


def test_memory_is_told_in_matrices():
    verdicts = floors.verdicts(
        [row("circle", 1024, plain=side(1, megabytes=4.2)), row("center", 1024, plain=side(1, 8.4))]
    )
    (verdict,) = (x for x in verdicts if x["floor"].startswith("memory"))
    assert not verdict["met"] and "1 of 2 losses; 1.00 to 2.00 (center)" in verdict["found"]


@pytest.mark.parametrize(
    "megabytes, expected", [(301, 16e6), (400, 6.4e9)], ids=["the square of the batch", "the cube"]
)
def test_what_a_larger_batch_will_take(megabytes, expected):
    earlier = [row("circle", 128, pml=side(1, megabytes))]
    assert measuring.expectation("pml", 512, earlier) == expected


def test_what_did_not_fit_does_not_fit_at_a_larger_batch():
    earlier = [row("circle", 128, pml={"missing": "does not fit", "expected_bytes": None})]
    assert measuring.expectation("pml", 512, earlier) == float("inf")
    assert "no fit" in table.line(earlier[0])


def test_the_page_shows_what_was_measured():
    """`python -m benchmarks.losses.page` writes it anew."""
    found = (json.loads(path.read_text(encoding="utf-8")) for path in (OUT, memory.OUT))
    assert page.PAGE.read_text(encoding="utf-8") == page.page(*found)


@pytest.mark.skipif(not CLEAR.exists(), reason="only Linux tells the peak of a step")
def test_memory_of_a_later_step(tmp_path):
    out = tmp_path / "memory.json"
    arguments = ["--loss", "nt_xent", "--batch", "1024", "--out", str(out)]
    command = [sys.executable, "-m", "benchmarks.losses.memory", *arguments]  # forks: no threads before
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 1 and "nt_xent" in done.stdout  # a batch of 1,024 has no tiles by default
    (found,) = json.loads(out.read_text())["rows"]
    assert 1.2 < found["plain"] / found["matrix"] < 20 and found["tiled"] > found["matrix"]
    verdicts = list(floors.of_later_steps([found, {**found, "batch": 4096, "tiled": found["matrix"]}]))
    assert [verdict["met"] for verdict in verdicts] == [False, True]
