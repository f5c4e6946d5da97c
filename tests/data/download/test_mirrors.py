"""Mirrors in their order, and what is said when none has the file."""

import socket

import pytest

from tfdml.data.download import DownloadError


def test_the_first_that_is_good(serve, get, content):
    gone = serve({"status": 404, "content": b"not here"})
    wrong = serve({"content": content[::-1]})
    good, unused = serve(), serve()
    assert get(gone, wrong, good, unused) == content
    assert [len(server.requests) for server in (gone, wrong, good, unused)] == [1, 1, 1, 0]
    assert good.ranges() == [None]  # Wrong bytes are not gone on from.


def test_the_error_names_all(serve, get, content, tmp_path, remote):
    gone = serve({"status": 404})
    wrong = serve({"content": content[::-1]})
    busy = serve({"status": 503})
    page = serve({"content": b"<html>Please log in</html>"})
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        deaf = f"http://127.0.0.1:{nobody.getsockname()[1]}/images.bin"
        ftp = "ftp://ftp.example.org/images.bin"
        with pytest.raises(DownloadError) as caught:
            get(gone, wrong, busy, page, deaf, ftp, retries=1, note="It is at the library.")
    message = str(caught.value)
    assert message.startswith("Cannot download images.bin: ")
    assert f"{gone.url}: 404 Not Found; " in message
    assert f"{wrong.url}: its SHA-256 is " in message
    assert f"expected {remote().sha256}; " in message
    assert f"{busy.url}: 503 Service Unavailable, 2 times in a row; " in message
    assert f"{page.url}: it has 26 bytes, expected 400000; " in message
    assert f"{deaf}: " in message
    assert "refused" in message
    assert f"{ftp}: ftp:// is not supported, only http:// and https:// are. " in message
    assert "It is at the library. " in message
    assert message.endswith(f"can be put at {tmp_path / 'images.bin'}.")
    assert "\n" not in message
    assert not (tmp_path / "images.bin").exists()


@pytest.mark.parametrize("url", ["images.bin", "", "file:///etc/passwd", "FTP://example.org/a"])
def test_what_is_no_web_address(get, url):
    with pytest.raises(DownloadError, match=":// is not supported"):
        get(url)


def test_another_mirror_goes_on_where_a_digest_vouches_for_it(serve, get, content):
    first = serve({"stop": 100_000, "etag": '"1"'}, {"status": 404})
    second = serve({"etag": '"other"'})
    assert get(first, second) == content
    assert second.ranges() == ["bytes=100000-"]
    assert "If-Range" not in second.requests[0][1]


def test_another_mirror_starts_anew_where_nothing_does(serve, get, content):
    first = serve({"stop": 100_000, "etag": '"1"'}, {"status": 404})
    second = serve({"etag": '"1"'})
    assert get(first, second, facts={"size": len(content)}) == content
    assert second.ranges() == [None]


def test_a_wrong_beginning_of_the_first_does_not_spoil_the_second(serve, get, content):
    first = serve({"content": content[::-1], "stop": 100_000}, {"status": 404})
    second = serve()
    assert get(first, second) == content
    assert second.ranges() == ["bytes=100000-", None]


def test_a_server_that_goes_away_is_waited_for(serve, get, content, monkeypatch):
    """No connection ends a mirror at once, but not after it has given a part."""
    import requests
    from urllib3.exceptions import NewConnectionError

    server = serve({"stop": 100_000}, {})
    real, calls = requests.Session.get, []

    def flaky(session, url, **arguments):
        calls.append(url)
        if len(calls) == 2:
            raise requests.ConnectionError(NewConnectionError(None, "no route"))
        return real(session, url, **arguments)

    monkeypatch.setattr(requests.Session, "get", flaky)
    assert get(server) == content
    assert len(calls) == 3
    calls[:] = ["next one fails"]
    with pytest.raises(DownloadError):
        get(server, facts={"sha256": "0" * 64})
    assert len(calls) == 2


def test_what_has_come_is_kept_for_the_next_time(serve, get, content, tmp_path):
    server = serve({"stop": 100_000, "etag": '"1"'}, {"status": 404})
    with pytest.raises(DownloadError):
        get(server)
    assert (tmp_path / ".images.bin.part").read_bytes() == content[:100_000]
    again = server.plan({"etag": '"1"'})
    assert get(again) == content
    assert again.ranges()[-1] == "bytes=100000-"
