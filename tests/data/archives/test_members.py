import stat
import tarfile
import zipfile

import pytest
from archive_makers import is_clean, make_tar, make_zip, special

from tfdml.data.archives import unpack


@pytest.mark.parametrize(
    "member, why",
    [
        pytest.param(special(tarfile.SYMTYPE, linkname="/etc/passwd"), "a symbolic link", id="symbolic link"),
        pytest.param(special(tarfile.LNKTYPE, linkname="set/good"), "a hard link", id="hard link"),
        pytest.param(special(tarfile.CHRTYPE, devmajor=1, devminor=3), "a device", id="character device"),
        pytest.param(special(tarfile.BLKTYPE, devmajor=8), "a device", id="block device"),
        pytest.param(special(tarfile.FIFOTYPE), "a fifo", id="fifo"),
        pytest.param(special(tarfile.GNUTYPE_SPARSE), "a sparse file", id="sparse"),
        pytest.param(special(b"V"), "of an unknown kind, b'V'", id="unknown"),
    ],
)
def test_refuses_members_of_a_tar_that_are_no_files(tmp_path, member, why):
    make_tar(tmp_path / "a", [("set/good", b""), (member, b"")])
    with pytest.raises(ValueError, match=f"'set/x' is {why}"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert is_clean(tmp_path, tmp_path / "a")


@pytest.mark.parametrize(
    "name, kind, why",
    [
        ("set/x", stat.S_IFLNK, "a symbolic link"),
        ("set/x", stat.S_IFIFO, "a device, fifo or socket"),
        ("set/x", stat.S_IFCHR, "a device, fifo or socket"),
        ("set/x", stat.S_IFDIR, "a folder by its kind and a file by its name"),
        ("set/x/", stat.S_IFDIR, "a folder with content"),
    ],
)
def test_refuses_members_of_a_zip_that_are_no_files(tmp_path, name, kind, why):
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    make_zip(tmp_path / "a", [("set/good", b""), (info, b"/etc/passwd")])
    with pytest.raises(ValueError, match=f"'{name}' is {why}"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert is_clean(tmp_path, tmp_path / "a")


def edited_zip(path, field, value, size=4, headers=("central",)):
    """Overwrites a field in the headers of the first member of a zip, as the format places them."""
    data = bytearray(path.read_bytes())
    places = {"flags": (8, 6), "packing": (10, 8), "sum": (16, 14), "size": (24, 22)}
    starts = {"central": data.index(b"PK\1\2"), "local": 0}
    for header in headers:
        at = starts[header] + places[field][header == "local"]
        data[at : at + size] = value.to_bytes(size, "little")
    path.write_bytes(data)


def test_refuses_encrypted_members(tmp_path):
    edited_zip(make_zip(tmp_path / "a", [("x", b"abc")]), "flags", 1, 2)
    with pytest.raises(ValueError, match="'x' is encrypted"):
        unpack(tmp_path / "a", tmp_path / "out")


def test_refuses_a_packing_that_is_not_known(tmp_path):
    edited_zip(make_zip(tmp_path / "a", [("x", b"abc")]), "packing", 9, 2)
    with pytest.raises(ValueError, match=r"a to be a whole zip or tar archive .*ompression"):
        unpack(tmp_path / "a", tmp_path / "out")


@pytest.mark.parametrize(
    "field, value, why",
    [
        ("sum", 1, "CRC"),
        ("size", 10, "CRC|too early|3 bytes where it says 10"),
        ("size", 2, "CRC"),
        ("size", 2**31, "bomb"),
    ],
)
@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_headers_of_a_zip_that_lie(tmp_path, field, value, why, packing):
    edited_zip(make_zip(tmp_path / "a", [("x", b"abc")], packing), field, value, 4, ("central", "local"))
    with pytest.raises(ValueError, match=f"a to be a whole zip or tar archive .*({why})"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert is_clean(tmp_path, tmp_path / "a")


def test_a_size_that_lies_with_a_sum_that_does_not(tmp_path):
    edited_zip(make_zip(tmp_path / "a", [("x", b"abc")], zipfile.ZIP_STORED), "size", 10)
    with pytest.raises(ValueError, match="'x' has 3 bytes where it says 10"):
        unpack(tmp_path / "a", tmp_path / "out")


@pytest.mark.parametrize("size", [-1, -512, -(2**40), 2**62, 2**70])
def test_sizes_of_a_tar_that_lie(tmp_path, size):
    """Sizes may be binary numbers: negative ones sent `tarfile` back for ever, huge ones forward for ever."""
    make_tar(tmp_path / "a", [("first", b"1"), ("x", b"abc"), ("last", b"1")], "w")
    data = bytearray((tmp_path / "a").read_bytes())
    field = (b"\x80" if size > 0 else b"\xff") + size.to_bytes(11, "big", signed=True)
    data[1024 + 124 : 1024 + 136] = field
    data[1024 + 148 : 1024 + 156] = b" " * 8
    data[1024 + 148 : 1024 + 156] = b"%06o\0 " % sum(data[1024 : 1024 + 512])
    (tmp_path / "a").write_bytes(data)
    for keep in (None, lambda name: name == "last"):
        with pytest.raises(ValueError, match="a to be a whole zip or tar archive"):
            unpack(tmp_path / "a", tmp_path / "out", keep=keep)
    assert is_clean(tmp_path, tmp_path / "a")


def test_refuses_a_bomb_whose_header_is_modest(tmp_path):
    make_zip(tmp_path / "a", [("zeros", bytes(64 * 2**20))])
    edited_zip(tmp_path / "a", "size", 1000)
    with pytest.raises(ValueError, match="CRC"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert is_clean(tmp_path, tmp_path / "a")
