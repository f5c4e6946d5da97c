import os
import tarfile

import pytest
from archive_makers import FILES, MAKERS, is_clean, make_tar, make_zip, special

from tfdml.data.archives import unpack


@pytest.mark.parametrize("make", MAKERS)
def test_refuses_a_bomb(tmp_path, make):
    make(tmp_path / "a", [("zeros", bytes(64 * 2**20))])
    assert 64 * 2**20 / (tmp_path / "a").stat().st_size > 900
    with pytest.raises(ValueError, match="a bomb, or more than `largest`"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert is_clean(tmp_path, tmp_path / "a")
    unpack(tmp_path / "a", tmp_path / "out", ratio=2000)
    assert (tmp_path / "out/zeros").stat().st_size == 64 * 2**20


@pytest.mark.parametrize("make", MAKERS)
def test_refuses_more_than_the_limits(tmp_path, make):
    make(tmp_path / "a", [(f"{n}", bytes(100_000)) for n in range(20)])
    for limits, why in (({"largest": 10**6}, "more than 1000000 bytes"), ({"members": 19}, "more than 19")):
        with pytest.raises(ValueError, match=why):
            unpack(tmp_path / "a", tmp_path / "out", **limits)
    unpack(tmp_path / "a", tmp_path / "out", members=20)


@pytest.mark.parametrize("make", MAKERS)
def test_folders_count_as_members(tmp_path, make):
    make(tmp_path / "a", [("/".join("abcdefghij"), b"")])
    with pytest.raises(ValueError, match="more than 9 files and folders"):
        unpack(tmp_path / "a", tmp_path / "out", members=9)


def test_refuses_a_large_directory_before_it_is_read(tmp_path):
    make_zip(tmp_path / "a", [(f"{n:0200}", b"") for n in range(20)])
    with pytest.raises(ValueError, match="more members than are allowed"):
        unpack(tmp_path / "a", tmp_path / "out", members=20)


def test_refuses_a_header_that_is_a_bomb(tmp_path):
    info = special(tarfile.REGTYPE, "x", pax_headers={"comment": "0" * 10**7})
    with tarfile.open(tmp_path / "a", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(special(tarfile.REGTYPE, "first"))
        archive.addfile(info)
    with pytest.raises(ValueError, match="a header that is larger than it needs to be"):
        unpack(tmp_path / "a", tmp_path / "out")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_refuses_a_truncated_tar(tmp_path, mode):
    make_tar(tmp_path / "whole", [(f"{n}", os.urandom(300)) for n in range(20)], mode)
    whole = (tmp_path / "whole").read_bytes()
    end = 20 * 1024 if mode == "w" else len(whole) - 1  # a plain one ends with zeros, of which one block does
    for length in {0, 1, 5, 511, 512, 1024, 1536, 2000, end // 2 // 1024 * 1024, end - 512, end}:
        (tmp_path / "a").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="a to be a whole zip or tar archive"):
            unpack(tmp_path / "a", tmp_path / "out")


def test_refuses_a_truncated_zip(tmp_path):
    whole = make_zip(tmp_path / "a", FILES.items()).read_bytes()
    for length in (5, len(whole) // 2, len(whole) - 10):
        (tmp_path / "a").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="a to be a whole zip or tar archive"):
            unpack(tmp_path / "a", tmp_path / "out")


def test_a_header_that_is_damaged_is_not_the_end(tmp_path):
    data = bytearray(make_tar(tmp_path / "a", FILES.items(), "w").read_bytes())
    data[1024] ^= 1  # the name of the second
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ValueError, match="bad checksum"):
        unpack(tmp_path / "a", tmp_path / "out")


@pytest.mark.parametrize("size", [10, 2**15 * 10 - 1536], ids=["small", "ends with a piece that is read"])
def test_check_sums_of_gzip_are_compared(tmp_path, size):
    data = bytearray(make_tar(tmp_path / "a", [("x", bytes(size))]).read_bytes())
    data[-8] ^= 1
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ValueError, match="CRC"):
        unpack(tmp_path / "a", tmp_path / "out")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"<html>404</html>" * 100, id="a page"),
        pytest.param(b"words", id="a short text"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x89HDF\r\n\x1a\n" + bytes(2000), id="hdf5"),
        pytest.param(b"\x1f\x8b" + bytes(100), id="broken gzip"),
        pytest.param(b"PK\x03\x04" + bytes(100), id="broken zip"),
    ],
)
def test_refuses_what_is_no_archive(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"a.zip to be a whole zip or tar archive"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert is_clean(tmp_path, tmp_path / "a.zip")


def test_refuses_an_archive_of_nothing(tmp_path):
    (tmp_path / "zeros").write_bytes(bytes(10240))
    make_zip(tmp_path / "empty", [])
    make_zip(tmp_path / "full", FILES.items())
    for name, keep in (("zeros", None), ("empty", None), ("full", lambda name: False)):
        with pytest.raises(ValueError, match=f"{name} to have files to unpack, received: none"):
            unpack(tmp_path / name, tmp_path / "out", keep=keep)
