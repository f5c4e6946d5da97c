"""The whole of a download: files that are there, disks that are full, folders that are closed."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfdml.data.download import download_file, space


def test_a_whole_file_is_not_asked_for(serve, get, content, tmp_path):
    (tmp_path / "images.bin").write_bytes(content)
    server = serve()
    assert get(server) == content
    assert not server.requests


def test_a_file_without_facts_is_believed(serve, get, tmp_path):
    (tmp_path / "images.bin").write_bytes(b"what a person put there")
    server = serve()
    assert get(server, facts={"size": None}) == b"what a person put there"
    assert not server.requests


def test_a_wrong_file_is_exchanged(serve, get, content, tmp_path):
    (tmp_path / "images.bin").write_bytes(content[::-1])
    assert get(serve()) == content


def test_a_wrong_file_stays_until_a_right_one_is_there(serve, remote, tmp_path):
    (tmp_path / "images.bin").write_bytes(b"wrong")
    with pytest.raises(OSError, match="404"):
        download_file(remote(serve({"status": 404})), tmp_path)
    assert (tmp_path / "images.bin").read_bytes() == b"wrong"


def test_left_overs_beside_a_whole_file_go(get, content, tmp_path):
    (tmp_path / "images.bin").write_bytes(content)
    for left in (".images.bin.part", ".images.bin.part.json", ".images.bin.lock"):
        (tmp_path / left).write_bytes(b"")
    assert get() == content  # which looks at what the folder holds


def test_the_folder_is_made(serve, remote, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    path = download_file(remote(serve()), "~/sets/birds")
    assert path == tmp_path / "sets" / "birds" / "images.bin"


def test_progress(serve, get, content):
    seen = []
    get(serve({"stop": 100_000}, {}), progress=lambda *now: seen.append(now))
    assert seen[0] == ("images.bin", 0, len(content))
    assert seen[-1] == ("images.bin", len(content), len(content))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_progress_without_a_size(serve, get, content):
    seen = []
    get(serve({"length": False}), facts={"size": None}, progress=lambda *now: seen.append(now))
    assert seen[-1] == ("images.bin", len(content), None)


def test_silent(serve, get, capfd):
    get(serve({"stop": 100_000}, {"status": 503}, {}))
    assert capfd.readouterr() == ("", "")


def test_by_hand(remote, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        download_file(remote(), tmp_path / "new", note="Sign the form at https://example.org.")
    place = tmp_path / "new" / "images.bin"
    assert str(caught.value) == (
        f"images.bin must be fetched by hand and put at {place}. Sign the form at https://example.org."
    )
    assert not place.parent.exists()


def test_by_hand_and_wrong(remote, tmp_path):
    (tmp_path / "images.bin").write_bytes(b"wrong")
    with pytest.raises(FileNotFoundError, match="not that file: it has 5 bytes, expected 400000"):
        download_file(remote(), tmp_path)


def test_by_hand_and_there(get, content, tmp_path):
    (tmp_path / "images.bin").write_bytes(content)
    assert get() == content


@pytest.mark.parametrize("known", [True, False])
def test_no_space(serve, remote, tmp_path, monkeypatch, known):
    monkeypatch.setattr(space.shutil, "disk_usage", lambda _: SimpleNamespace(free=399_999))
    server = serve()
    file = remote(server) if known else remote(server, size=None)
    with pytest.raises(OSError, match="no space left: 400,000 bytes are to come, 399,999 are free") as caught:
        download_file(file, tmp_path)
    assert str(caught.value).startswith(f"Cannot write {tmp_path / 'images.bin'}: ")
    assert len(server.requests) == (0 if known else 1)


def test_what_is_here_needs_no_space(serve, get, content, tmp_path, monkeypatch):
    (tmp_path / ".images.bin.part").write_bytes(content[:1])
    monkeypatch.setattr(space.shutil, "disk_usage", lambda _: SimpleNamespace(free=399_999))
    assert get(serve()) == content


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_disk_that_fills(serve, remote, tmp_path, monkeypatch, content):
    from tfdml.data.download import partial

    monkeypatch.setattr(partial.Partial, "discard", lambda self: None)  # or it would remove the link
    (tmp_path / ".images.bin.part").symlink_to("/dev/full")
    server, other = serve(), serve()
    with pytest.raises(OSError, match=r"Cannot write .*images\.bin: No space left on device"):
        download_file(remote(server, other), tmp_path)
    assert (len(server.requests), len(other.requests)) == (1, 0)


def test_folder_that_is_a_file(serve, remote, tmp_path):
    (tmp_path / "sets").write_bytes(b"")
    with pytest.raises(OSError, match=r"Cannot write .*images\.bin: "):
        download_file(remote(serve()), tmp_path / "sets")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_is_closed(serve, remote, tmp_path, content):
    server = serve()
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OSError, match=r"Cannot write .*images\.bin: Permission denied"):
            download_file(remote(server), tmp_path)
    finally:
        tmp_path.chmod(0o755)
    assert not server.requests


def test_a_folder_with_its_name(serve, remote, tmp_path):
    (tmp_path / "images.bin").mkdir()
    server = serve()
    with pytest.raises(OSError, match=r"Cannot write .*images\.bin: a folder has this name"):
        download_file(remote(server), tmp_path)
    assert not server.requests


@pytest.mark.parametrize(("argument", "value"), [("retries", -1), ("backoff", -0.1), ("timeout", 0)])
def test_numbers_that_make_no_sense(remote, tmp_path, argument, value):
    with pytest.raises(ValueError, match=f"Expected {argument} to be .*, received: {value}"):
        download_file(remote(), tmp_path, **{argument: value})
