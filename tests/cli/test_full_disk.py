"""A disk that fills: one line, nothing half-written under a name, and the run goes on once there is room.

A limit on the size of a file stands for the disk: writing past it fails as writing to a full disk does.
"""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("resource", reason="needs limits of POSIX")

SCRIPT = '''
import json, os, resource, sys
from pathlib import Path
from tfdml_command import main

def attempt(limit, *arguments):
    """Exit code and what is written to stderr, by C libraries too, while files have `limit` bytes at most."""
    reading, writing = os.pipe()  # no file: that would be limited too
    kept = os.dup(2)
    os.dup2(writing, 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        code = main(arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        return code, pipe.read()

def tree():
    return sorted(str(path.relative_to(OUT)) for path in Path(OUT).rglob("*") if path.is_file())

OUT, RESULTS, PICTURE, *options = sys.argv[1:]
train, resume = ["train", *options, "--out", OUT], ["train", "--resume", OUT]
results = {"start": [*attempt(100, *train), Path(OUT).exists()]}
results["training"] = [*attempt(50_000, *train), tree()]
results["still full"] = [*attempt(50_000, *resume), tree()]
results["room"] = [*attempt(resource.RLIM_INFINITY, *resume), tree()]
results["export"] = [*attempt(500_000, "export", OUT), tree()]
results["sheet"] = [*attempt(1000, "search", OUT, PICTURE), tree()]
Path(RESULTS).write_text(json.dumps(results))
'''


@pytest.fixture(scope="module")
def results(photos, small, tmp_path_factory):
    """Exit code, what stderr got, and the files that were there, after each attempt."""
    folder = tmp_path_factory.mktemp("disk")
    out, file = folder / "run", folder / "results.json"
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, out, file, next(photos.rglob("*.png"))]
    options = [*small, f"--data={photos}", "--schedule.epochs=1"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([*command, *options], env=environment, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    return json.loads(file.read_text())


@pytest.mark.parametrize(
    "attempt, what",
    [
        ("start", "environment.json"),
        ("training", "best.weights.h5"),
        ("still full", "best.weights.h5"),
        ("export", "export"),
        ("sheet", "search.png"),
    ],
)
def test_a_full_disk_is_one_line(attempt, what, results):
    code, error, _ = results[attempt]
    assert code == 2
    assert error.count("\n") == 1 and error.startswith("tfdml ") and f"{what}: " in error
    assert "File too large" in error  # as the system calls this limit


def test_a_run_that_cannot_begin_leaves_nothing(results):
    assert results["start"][2] is False


def test_a_run_that_cannot_go_on_says_how_to(results):
    for attempt in ("training", "still full"):
        _, error, files = results[attempt]
        assert "--resume" in error
        assert {"environment.json", "recipe.yaml", "metrics.csv"} <= set(files)
        assert all(
            name.startswith(("logs", "environment", "recipe", "split", "metrics.csv")) for name in files
        )


def test_with_room_again_it_completes(results):
    code, error, files = results["room"]
    assert code == 0 and not error
    assert {"model.keras", "report.html", "gallery.npz"} <= set(files)
    assert not any(name.startswith("state") for name in files)


def test_what_cannot_be_written_leaves_the_run_as_it_was(results):
    assert results["export"][2] == results["sheet"][2] == results["room"][2]
