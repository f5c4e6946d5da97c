"""An ingestion that is killed at any moment goes on, and ends with the same bytes."""

import os
import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from data.ingestion.toys import Toy, write_pictures

from tfdml.data import RemoteFile
from tfdml.data.ingestion import parallel
from tfdml.data.ingestion.spool import Spool

KILLS = 20

# One process imports everything; those that are killed are forked from it. They work slowly, so that a random
# moment is likely to lie in any part of the work.
SCRIPT = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from data.ingestion.test_kill import Packed, slow
slow()
print("ready", flush=True)
for line in sys.stdin:
    folder, encoding, seconds = line.split()
    began, child = time.monotonic(), os.fork()
    if not child:
        try:
            Packed(Path(folder), encoding=encoding).start()
        finally:
            os._exit(0)
    if float(seconds):
        time.sleep(float(seconds))
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(time.monotonic() - began, flush=True)
"""


class Packed(Toy):
    """The toy in an archive."""

    info = replace(Toy.info, files=(RemoteFile("toy.zip", ()),))

    def __init__(self, directory, **options):
        super().__init__(directory, **{"keep_unpacked": False, **options})

    def get_samples(self):
        return [replace(sample, source=f"toy/{sample.source}") for sample in super().get_samples()]


def slow():
    """Slows the writing down, and has it done in small portions."""
    import time

    append = Spool.append

    def slowly(spool, results):
        append(spool, results)
        time.sleep(0.01)

    Spool.append, parallel.CHUNK = slowly, 2


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    write_pictures(folder / "pictures")
    return Path(shutil.make_archive(str(folder / "toy"), "zip", folder / "pictures"))


@pytest.fixture(scope="module")
def whole(archive, tmp_path_factory):
    """The bytes of the file that nothing interrupted, by encoding."""
    made = {}
    for encoding in ("raw", "png"):
        folder = place(archive, tmp_path_factory.mktemp("whole"))
        made[encoding] = Packed(folder, encoding=encoding).start().read_bytes()
    return made


def place(archive, folder):
    (folder / "toy").mkdir(parents=True)
    shutil.copy(archive, folder / "toy")
    return folder


@pytest.fixture(scope="module")
def run_for():
    """A function that ingests in another process and kills it after some seconds, or lets it end."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    script = SCRIPT.format(tests=str(Path(__file__).parents[2]))
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout.readline() == "ready\n"

        def run(folder, encoding, seconds):
            process.stdin.write(f"{folder} {encoding} {seconds}\n")
            process.stdin.flush()
            return float(process.stdout.readline())

        yield run
        process.stdin.close()


def test_killed_at_random_moments_it_goes_on_to_the_same_bytes(run_for, whole, archive, tmp_path):
    took = run_for(place(archive, tmp_path / "first"), "raw", 0)
    assert (tmp_path / "first" / "toy.hdf5").read_bytes() == whole["raw"]
    moments, unfinished = random.Random(0), 0
    for number in range(KILLS):
        encoding = ("raw", "png")[number % 2]
        folder = place(archive, tmp_path / str(number))
        run_for(folder, encoding, moments.uniform(0.01, took))
        unfinished += not (folder / "toy.hdf5").exists()
        run_for(folder, encoding, moments.uniform(0.01, took))  # and what goes on is killed too
        assert Packed(folder, encoding=encoding).start().read_bytes() == whole[encoding]
        left = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
        assert left == {"toy", "toy/toy.zip", "toy/.ingesting.lock", "toy.hdf5", "toy.report.json"}
    assert unfinished > KILLS / 4  # how long the first took says only roughly how long the others do


def test_what_was_stored_is_not_stored_again(archive, whole, tmp_path, monkeypatch):
    folder, stored = place(archive, tmp_path), []
    monkeypatch.setattr(parallel, "CHUNK", 4)
    append = Spool.append

    def interrupted(spool, results):
        append(spool, results)
        stored.extend(results)
        if len(stored) == 12:
            raise KeyboardInterrupt

    monkeypatch.setattr(Spool, "append", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Packed(folder).start()
    assert Packed(folder).start().read_bytes() == whole["raw"]
    assert len(stored) == 30
