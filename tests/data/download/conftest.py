"""An HTTP server on loopback that answers as a test tells it to."""

import hashlib
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tfdml.data.download import RemoteFile, download_file

CONTENT = np.random.default_rng(0).bytes(400_000)


@dataclass
class Answer:
    """How one request is answered."""

    content: bytes = CONTENT
    status: int = 200
    headers: dict = field(default_factory=dict)
    ranges: bool = True  # knows Range
    if_range: bool = True  # knows If-Range
    etag: str | None = None
    length: bool = True  # sends Content-Length; without it the body ends with the connection
    chunked: bool = False
    stop: int | None = None  # bytes of the body after which the connection is cut
    before: object = None  # called before the headers
    during: object = None  # called with the number of bytes of the body that have been sent
    piece: int = 1 << 16


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        answer = self.server.next_answer(self)
        if answer.before:
            answer.before()
        status, start = answer.status, 0
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        validator = self.headers.get("If-Range")
        changed = answer.if_range and validator and validator not in (answer.etag, *answer.headers.values())
        if found and answer.ranges and not changed and status == 200:
            start = int(found[1])
            status = 206 if start < len(answer.content) else 416
        self.send_response(status)
        size = len(answer.content)
        if status == 206 and answer.status == 200:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if status == 416:
            self.send_header("Content-Range", f"bytes */{size}")
        if answer.etag:
            self.send_header("ETag", answer.etag)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        body = answer.content[start:] if status != 416 else b""
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.close_connection = True
        self.end_headers()
        self.send_body(body, answer)

    def send_body(self, body, answer):
        if answer.stop is not None:
            body = body[: answer.stop]
            self.close_connection = True
        for at in range(0, len(body), answer.piece):
            piece = body[at : at + answer.piece]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if answer.chunked else piece)
            if answer.during:
                answer.during(at + len(piece))
        if answer.chunked and answer.stop is None:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """Answers by its `answers` in turn, and by the last of them from then on."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.url = f"{self.address}/images.bin"
        self.answers = [Answer()]
        self.requests = []
        self.lock = threading.Lock()

    def plan(self, *answers):
        """Sets the answers, each a dict of the fields of `Answer`."""
        self.answers = [Answer(**answer) for answer in answers]
        return self

    def next_answer(self, handler):
        with self.lock:
            self.requests.append((handler.path, dict(handler.headers)))
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def ranges(self):
        """The Range header of every request so far."""
        return [headers.get("Range") for _, headers in self.requests]

    def handle_error(self, *_):
        pass  # The client may leave when it likes.


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    """No proxy of the machine stands between the tests and their servers."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def serve():
    """A function that starts a server with a plan."""
    servers = []

    def start(*answers):
        server = Server()
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server.plan(*answers) if answers else server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def content():
    """The bytes that servers have unless told otherwise."""
    return CONTENT


@pytest.fixture
def remote():
    """A function that makes a `RemoteFile` of addresses or servers, with the facts of `content`."""

    def make(*places, **facts):
        urls = tuple(getattr(place, "url", place) for place in places)
        facts = facts or {"size": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
        return RemoteFile("images.bin", urls, **facts)

    return make


@pytest.fixture
def get(remote, tmp_path):
    """A function that downloads from servers without waiting between attempts and gives the bytes."""

    def download(*places, facts=None, **arguments):
        arguments = {"backoff": 0, "timeout": 5, **arguments}
        path = download_file(remote(*places, **(facts or {})), tmp_path, **arguments)
        assert [each.name for each in tmp_path.iterdir()] == ["images.bin"]
        return path.read_bytes()

    return download
