"""Requests: proxies, redirects, and what the system says of those that fail."""

import pytest

from tfdml.data.download import DownloadError


@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY"])
def test_proxy_of_the_environment(serve, get, content, monkeypatch, name):
    proxy = serve()
    monkeypatch.setenv(name, proxy.address)
    assert get("http://images.invalid/images.bin") == content
    assert [path for path, _ in proxy.requests] == ["http://images.invalid/images.bin"]


def test_no_proxy(serve, get, content, monkeypatch):
    proxy, server = serve({"status": 500}), serve()
    monkeypatch.setenv("http_proxy", proxy.address)
    assert get(server) == content
    assert not proxy.requests


def test_redirect(serve, get, content):
    server = serve()
    other = serve({"status": 302, "headers": {"Location": server.url}})
    assert get(other) == content


def test_resumes_behind_a_redirect(serve, get, content):
    server = serve({"stop": 100_000, "etag": '"1"'}, {"etag": '"1"'})
    other = serve({"status": 302, "headers": {"Location": server.url}, "content": b""})
    assert get(other) == content
    assert server.ranges() == [None, "bytes=100000-"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_in_a_circle(serve, get, status):
    server = serve({"status": status, "headers": {"Location": "/images.bin"}})
    with pytest.raises(DownloadError, match="it redirects more than 10 times"):
        get(server)
    assert len(server.requests) == 11


@pytest.mark.parametrize("kind", [{}, {"length": False}, {"chunked": True}])
def test_the_page_of_a_redirect_is_not_read(serve, get, content, kind):
    def stop(sent):
        sents.append(sent)
        assert sent < 5_000_000

    sents, server = [], serve()
    page = {"status": 302, "headers": {"Location": server.url}, "content": bytes(50_000_000), "during": stop}
    assert get(serve({**page, **kind})) == content
    assert max(sents, default=0) < 5_000_000


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://example.org/a", "http://[::1", "http://", "http://a:b/"]
)
def test_redirects_to_nowhere(serve, get, location):
    with pytest.raises(DownloadError):
        get(serve({"status": 302, "headers": {"Location": location}}))


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 410, 416, 451, 501])
def test_what_no_retry_would_mend(serve, get, status):
    server = serve({"status": status, "content": b""})
    with pytest.raises(DownloadError, match=f": {status} "):
        get(server)
    assert len(server.requests) == 1


def test_an_error_that_the_caller_deals_with_is_not_the_reason(serve, get):
    server = serve({"stop": 0, "ranges": False})
    try:
        raise OSError("of the caller")
    except OSError:
        with pytest.raises(DownloadError) as caught:
            get(server, retries=0)
    assert "of the caller" not in str(caught.value)


def test_no_such_host(get, monkeypatch):
    import socket

    def resolve(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(DownloadError, match=r"http://images.invalid/a: Name or service not known\."):
        get("http://images.invalid/a")
