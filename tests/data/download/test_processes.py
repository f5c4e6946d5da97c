"""Processes that are killed, and processes that want the same file."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tfdml.data.download import download_file


@pytest.fixture
def start(tmp_path):
    """A function that starts a process which downloads `content` from a server."""
    running = []

    def run(server, content):
        facts = [str(len(content)), hashlib.sha256(content).hexdigest()]
        program = Path(__file__).with_name("alone.py")
        command = [sys.executable, str(program), server.url, str(tmp_path), *facts]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()


def test_two_processes_and_one_download(serve, content, start, tmp_path):
    go = threading.Event()
    server = serve({"during": lambda sent: go.wait(20)})
    first = start(server, content)
    while not server.requests:
        assert first.poll() is None
        time.sleep(0.01)
    second = start(server, content)
    assert second.stdout.readline().strip() == b"started"
    time.sleep(0.3)
    assert second.poll() is None  # It waits.
    go.set()
    assert (first.wait(20), second.wait(20)) == (0, 0)
    assert len(server.requests) == 1
    assert (tmp_path / "images.bin").read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == ["images.bin"]


def test_killed_at_twenty_points(serve, content, start, remote, tmp_path):
    """Wherever it is killed, the next attempt ends with the same bytes and leaves nothing else there."""
    random = np.random.default_rng(3)
    server = serve()
    resumed = 0
    for point in random.integers(0, int(1.1 * len(content)), 20):
        reached = threading.Event()

        def slowly(sent, point=point, reached=reached):
            time.sleep(0.002)  # The client keeps up with the server.
            if sent >= min(point, len(content)):
                reached.set()

        server.plan({"during": slowly, "piece": 8192, "etag": '"1"'})
        process = start(server, content)
        assert reached.wait(20)
        # Beyond the last byte it is killed while it checks and renames the file.
        time.sleep(max(point - len(content), 0) / len(content) * 0.2)
        process.kill()
        process.wait()
        server.plan({"etag": '"1"'})
        server.requests.clear()
        path = download_file(remote(server), tmp_path, backoff=0)
        assert path.read_bytes() == content
        assert [each.name for each in tmp_path.iterdir()] == ["images.bin"]
        assert len(server.requests) <= 1
        resumed += any(server.ranges())
        path.unlink()
    assert resumed >= 10  # Bytes were kept, and gone on from.
