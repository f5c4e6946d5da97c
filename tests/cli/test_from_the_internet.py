"""The whole way of a new user, from a server (on loopback) to a trained model."""

import functools
import hashlib
import json
import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from data.sets.layouts import LAYOUTS, ingestion_of

from tfdml.data.catalog import SETS
from tfdml_command import main

NAME = "omniglot"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A small Omniglot on a server, and a catalogue that knows it; the folder that is served."""
    folder = tmp_path / "server"
    expected = LAYOUTS[NAME](folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = ingestion_of(NAME, expected)
    files = []
    for file in made.info.files:
        content = (folder / file.name).read_bytes()
        urls = tuple(
            f"http://127.0.0.1:{server.server_port}/{path}" for path in (f"gone/{file.name}", file.name)
        )
        digest = hashlib.sha256(content).hexdigest()
        files.append(replace(file, urls=urls, size=len(content), sha256=digest, md5=None))
    made.info = replace(made.info, files=tuple(files))
    monkeypatch.setitem(SETS, NAME, made)
    monkeypatch.setenv("TFDML_DATA", str(tmp_path / "data"))
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    yield folder
    server.shutdown()
    server.server_close()


def told(capsys, *words, code=0):
    """What a command prints, its errors too."""
    assert main([str(word) for word in words]) == code
    output = capsys.readouterr()
    return output.out + output.err


def test_download_ingest_train(published, tmp_path, capsys, small):
    assert "tfdml ingest -d omniglot" in told(capsys, "download", NAME)
    assert "downloaded" in next(line for line in told(capsys, "datasets").splitlines() if NAME in line)
    assert f"Written: {tmp_path / 'data' / 'omniglot.hdf5'}" in told(capsys, "ingest", "-d", NAME)
    assert "ingested" in next(line for line in told(capsys, "datasets").splitlines() if NAME in line)
    words = [*small, "--schedule.epochs=1", "--hold_out.validation=0", "--sampler.classes_per_batch=2"]
    told(capsys, "train", *words, f"--data={NAME}", "--out", tmp_path / "run")
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["held_out"]["by"] == "classes"


def test_what_is_here_is_not_asked_for_again(published, capsys):
    told(capsys, "download", NAME)
    for file in published.iterdir():
        file.unlink()
    told(capsys, "download", NAME)


def test_wrong_bytes_are_not_kept(published, tmp_path, capsys):
    for file in published.iterdir():
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    said = " ".join(told(capsys, "download", NAME, code=2).split())
    assert "SHA-256" in said and "404" in said
    assert not any((tmp_path / "data" / NAME).glob("*.zip"))
