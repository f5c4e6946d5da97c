"""What servers answer: ranges, changes, drops, and more than they should."""

import time

import pytest

from tfdml.data.download import DownloadError, waiting

KINDS = [{}, {"length": False}, {"chunked": True}]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("known", [True, False])
def test_whole(serve, get, content, kind, known):
    server = serve(kind)
    assert get(server, facts=None if known else {"size": None}) == content
    assert len(server.requests) == 1


def test_headers_of_the_request(serve, get):
    from tfdml.version import __version__

    server = serve()
    get(server)
    headers = server.requests[0][1]
    assert headers["User-Agent"] == f"tfdml/{__version__}"
    assert headers["Accept-Encoding"] == "identity"
    assert "Range" not in headers


@pytest.mark.parametrize("kind", KINDS[::2])
def test_goes_on_after_a_drop(serve, get, content, kind):
    cut = {**kind, "stop": 100_000, "etag": '"1"'}
    server = serve(cut, cut, cut, {**cut, "stop": None})
    assert (
        get(server, retries=1) == content
    )  # Every attempt brings more, so one retry is enough for three drops.
    assert server.ranges() == [None, "bytes=100000-", "bytes=200000-", "bytes=300000-"]
    assert [headers.get("If-Range") for _, headers in server.requests] == [None, '"1"', '"1"', '"1"']


def test_a_drop_that_only_the_size_shows(serve, get, content):
    server = serve({"length": False, "stop": 100_000}, {})
    assert get(server) == content
    assert server.ranges() == [None, "bytes=100000-"]


def test_a_server_without_ranges_starts_over(serve, get, content):
    server = serve({"ranges": False, "stop": 100_000}, {"ranges": False})
    assert get(server) == content
    assert server.ranges() == [None, "bytes=100000-"]


def test_a_server_without_ranges_that_always_drops_is_left(serve, get):
    server = serve({"ranges": False, "stop": 300_000})
    with pytest.raises(DownloadError, match=r"\(IncompleteRead.*, 3 times in a row"):
        get(server, retries=2)
    assert len(server.requests) == 3


def test_bytes_that_come_a_second_time_are_no_step_ahead(serve, get):
    far, near = ({"ranges": False, "stop": stop} for stop in (300_000, 100_000))
    server = serve(far, near, far, near, {})
    with pytest.raises(DownloadError):
        get(server, retries=2)
    assert len(server.requests) == 3


def test_a_changed_file_starts_anew(serve, get, content):
    old = bytes(len(content))
    server = serve({"content": old, "etag": '"1"', "stop": 100_000}, {"etag": '"2"'})
    assert get(server) == content
    assert server.ranges() == [None, "bytes=100000-"]
    assert len(server.requests) == 2


@pytest.mark.parametrize("facts", [None, {"size": None}])
def test_a_changed_file_at_a_server_that_does_not_look_at_if_range(serve, get, content, facts):
    old = bytes(len(content))
    server = serve({"content": old, "etag": '"1"', "stop": 100_000}, {"etag": '"2"', "if_range": False})
    assert get(server, facts=facts) == content
    assert server.ranges() == [None, "bytes=100000-", None]


def test_the_date_serves_where_the_etag_is_weak(serve, get, content):
    headers = {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    server = serve({"etag": 'W/"1"', "headers": headers, "stop": 100_000}, {"headers": headers})
    assert get(server, facts={"size": None}) == content
    assert server.requests[1][1]["If-Range"] == headers["Last-Modified"]
    assert len(server.requests) == 2


def test_nothing_is_added_to_what_nobody_can_vouch_for(serve, get, content):
    server = serve({"stop": 100_000}, {})
    assert get(server, facts={"size": len(content)}) == content
    assert server.ranges() == [None, None]


def test_a_part_of_another_version_is_found_by_its_digest(serve, get, content):
    server = serve({"content": bytes(len(content)), "stop": 100_000}, {})
    assert get(server) == content
    assert server.ranges() == [None, "bytes=100000-", None]


@pytest.mark.parametrize(
    "content_range",
    ["bytes 5-9/10", "bytes 0-399999/400000", "bytes x", "bytes 100000-399999/" + "9" * 5000, ""],
)
def test_another_range_than_was_asked_for(serve, get, content, content_range):
    odd = {"status": 206, "headers": {"Content-Range": content_range}, "content": b"odd"}
    server = serve({"stop": 100_000}, odd, {})
    assert get(server) == content
    assert server.ranges() == [None, "bytes=100000-", None]


def test_less_than_the_range(serve, get, content):
    headers = {"Content-Range": "bytes 100000-149999/400000"}
    server = serve(
        {"stop": 100_000}, {"status": 206, "headers": headers, "content": content[100_000:150_000]}, {}
    )
    assert get(server) == content
    assert server.ranges()[-1] == "bytes=150000-"


@pytest.mark.parametrize("facts", [None, {"size": None}])
def test_416_of_a_whole_part(serve, get, content, tmp_path, facts):
    (tmp_path / ".images.bin.part").write_bytes(content)
    server = serve({"etag": '"1"'})
    note = '{"url": "%s", "version": "\\"1\\""}' % server.url  # noqa: UP031
    (tmp_path / ".images.bin.part.json").write_text(note, encoding="utf-8")
    assert get(server, facts=facts) == content
    # The digest tells without a request; without one, the server does.
    assert server.ranges() == ([] if facts is None else ["bytes=400000-"])


def test_416_of_a_part_that_is_too_long(serve, get, content, remote, tmp_path):
    sha256 = remote().sha256
    (tmp_path / ".images.bin.part").write_bytes(content + b"more")
    server = serve()
    assert get(server, facts={"sha256": sha256}) == content
    assert server.ranges() == ["bytes=400004-", None]


def test_a_part_of_full_length_that_nobody_can_vouch_for(serve, get, content, tmp_path):
    (tmp_path / ".images.bin.part").write_bytes(bytes(len(content)))
    assert get(serve(), facts={"size": len(content)}) == content


def test_a_part_longer_than_the_file_is_dropped(serve, get, content, tmp_path):
    (tmp_path / ".images.bin.part").write_bytes(content + b"more")
    assert get(serve()) == content


@pytest.mark.parametrize("note", ["", '{"url"', "[]", "{}", "null", '"text"', "\xff"])
def test_a_damaged_note(serve, get, content, tmp_path, note):
    (tmp_path / ".images.bin.part").write_bytes(content[:1000])
    (tmp_path / ".images.bin.part.json").write_bytes(note.encode("latin-1"))
    server = serve()
    assert get(server, facts={"size": len(content)}) == content
    assert server.ranges() == [None]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_busy_and_then_good(serve, get, content, status):
    server = serve({"status": status, "content": b"later"}, {})
    assert get(server) == content
    assert len(server.requests) == 2


def test_retry_after(serve, get, content, monkeypatch):
    slept = []
    monkeypatch.setattr(waiting.time, "sleep", slept.append)
    server = serve({"status": 503, "headers": {"Retry-After": "7"}}, {})
    assert get(server) == content
    assert slept == [7]


def test_slow_and_then_good(serve, get, content):
    server = serve({"before": lambda: time.sleep(0.8)}, {})
    assert get(server, timeout=0.3) == content
    assert len(server.requests) >= 2


def test_stuck_in_the_middle(serve, get, content):
    server = serve({"during": lambda sent: time.sleep(0.8 if sent > 200_000 else 0)}, {})
    assert get(server, timeout=0.3) == content
    assert server.ranges()[1]


def test_always_slow(serve, get):
    server = serve({"before": lambda: time.sleep(0.3)})
    with pytest.raises(DownloadError, match="timed out, 2 times in a row"):
        get(server, timeout=0.1, retries=1)


@pytest.mark.parametrize("kind", [{"length": False}, {"chunked": True}])
def test_more_than_promised(serve, get, content, tmp_path, kind):
    sents = []
    server = serve({**kind, "content": content * 100, "during": sents.append})
    with pytest.raises(DownloadError, match="it sent more than the 400000 bytes of the file"):
        get(server)
    assert not list(tmp_path.glob("*.part"))
    assert len(server.requests) == 1
    assert max(sents, default=0) < 20_000_000  # what the system takes before it waits for the client


def test_another_length_is_seen_before_a_byte_is_read(serve, get, content):
    server = serve({"content": content[:-1]})
    seen = []
    with pytest.raises(DownloadError, match="it has 399999 bytes, expected 400000"):
        get(server, progress=lambda *now: seen.append(now))
    assert not seen


def test_gzip_of_the_server_is_not_unpacked(serve, get, content):
    assert get(serve({"headers": {"Content-Encoding": "gzip"}})) == content


def test_empty_file(serve, get):
    assert get(serve({"content": b""}), facts={"size": 0}) == b""


def test_names_of_the_server_play_no_part(serve, get, content):
    assert get(serve({"headers": {"Content-Disposition": "attachment; filename=../evil"}})) == content
