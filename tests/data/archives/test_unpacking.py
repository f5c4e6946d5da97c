import errno
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import time
import unicodedata
import zipfile

import pytest

from tfdml.data.archives import unpack
from tfdml.data.files import remove_parts

FILES = {"set/images/a.jpg": b"picture a", "set/images/b.jpg": b"picture b", "set/list.txt": "é".encode()}


def make_tar(path, members, mode="w:gz"):
    """A tar of members: contents by name, or `TarInfo` for what is more than that."""
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def make_zip(path, members, packing=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def special(kind, name="set/x", **fields):
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def unpacked(folder):
    """Contents by name."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def is_clean(folder, archive):
    """Whether the folder has the archive and nothing else, not even a hidden file."""
    return list(folder.iterdir()) == [archive]


MAKERS = [pytest.param(make_tar, id="tar"), pytest.param(make_zip, id="zip")]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_unpacks_tar(tmp_path, mode, format_):
    files = {**FILES, "set/" + "long" * 40 + "/" + "name" * 30: b"long", "set/é": b"", "./set//dots": b"."}
    if format_ == tarfile.USTAR_FORMAT:
        files = FILES
    with tarfile.open(tmp_path / "a.zip", mode, format=format_) as archive:  # the name says nothing
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert unpacked(tmp_path / "out") == {name.replace("./set//", "set/"): c for name, c in files.items()}


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_unpacks_zip(tmp_path, packing):
    make_zip(tmp_path / "a.tgz", FILES.items(), packing)
    unpack(tmp_path / "a.tgz", tmp_path / "deep/out")
    assert unpacked(tmp_path / "deep/out") == FILES


def test_unpacks_what_the_system_packs(tmp_path):
    source = tmp_path / "source"
    for name, content in FILES.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    (source / "empty").mkdir()
    for kind in ("zip", "tar", "gztar"):
        unpack(shutil.make_archive(tmp_path / kind, kind, source), tmp_path / f"out {kind}")
        assert unpacked(tmp_path / f"out {kind}") == FILES
        assert (tmp_path / f"out {kind}/empty").is_dir()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize("make", MAKERS)
def test_permissions_of_members_are_not_applied(tmp_path, make):
    tar = special(tarfile.REGTYPE, "tool", mode=0o4777)
    closed = special(tarfile.DIRTYPE, "closed", mode=0o000)
    zipped = zipfile.ZipInfo("tool")
    zipped.external_attr = (stat.S_IFREG | 0o4777) << 16
    if make is make_tar:
        make(tmp_path / "a", [(closed, b""), (tar, b"run"), ("closed/x", b"")])
    else:
        make(tmp_path / "a", [(zipped, b"run")])
    unpack(tmp_path / "a", tmp_path / "out")
    assert not (tmp_path / "out/tool").stat().st_mode & 0o7111


@pytest.mark.parametrize("make", MAKERS)
def test_keep_picks_files_and_makes_no_other_folders(tmp_path, make):
    make(tmp_path / "a", FILES.items())
    unpack(tmp_path / "a", tmp_path / "out", keep=lambda name: name.endswith(".txt"))
    assert [p.name for p in (tmp_path / "out").rglob("*")] == ["set", "list.txt"]


def test_members_that_are_not_kept_may_be_links(tmp_path):
    link = special(tarfile.SYMTYPE, "set/link", linkname="/etc")
    sparse = special(tarfile.GNUTYPE_SPARSE, "set/sparse")
    make_tar(tmp_path / "a", [*FILES.items(), (link, b""), (sparse, b""), ("set/last", b"x" * 10**6)])
    unpack(tmp_path / "a", tmp_path / "out", keep=lambda name: name == "set/list.txt")
    assert list(unpacked(tmp_path / "out")) == ["set/list.txt"]


@pytest.mark.parametrize("make", MAKERS)
def test_errors_of_keep_are_its_own(tmp_path, make):
    make(tmp_path / "a", FILES.items())
    with pytest.raises(IndexError, match="out of range"):
        unpack(tmp_path / "a", tmp_path / "out", keep=lambda name: name.split("/")[9])
    assert is_clean(tmp_path, tmp_path / "a")


@pytest.mark.parametrize("make", MAKERS)
def test_leaves_out_what_macos_adds(tmp_path, make):
    added = [("__MACOSX/set/._list.txt", b""), ("set/._list.txt", b""), ("._set", b"")]
    make(tmp_path / "a", [*FILES.items(), *added])
    unpack(tmp_path / "a", tmp_path / "out")
    assert unpacked(tmp_path / "out") == FILES


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    "name, why",
    [
        ("../x", "leads out"),
        ("set/../../x", "leads out"),
        ("set/..", "leads out"),
        ("/etc/x", "absolute"),
        ("//server/share/x", "absolute"),
        ("C:/x", "drive letter"),
        ("c:x", "drive letter"),
        ("set\\..\\x", "backslash"),
        ("\\\\server\\share\\x", "backslash"),
        ("file:stream", "not every system"),
        ("a\nb", "not every system"),
        ("nul", "device on Windows"),
        ("set/COM1.tar.gz", "device on Windows"),
        ("set/con .txt/x", "device on Windows"),
        ("set/lpt¹", "device on Windows"),
        ("set./x", "Windows drops"),
        ("set/x ", "Windows drops"),
        ("x" * 256, "too long"),
        ("x/" * 513, "too long"),
    ],
)
def test_refuses_names_that_are_unsafe_somewhere(tmp_path, make, name, why):
    make(tmp_path / "a", [("set/good", b""), (name + "y" * name.endswith("/"), b"evil")])
    with pytest.raises(
        ValueError, match=rf"Expected .*a to be a whole .* archive .*received: the name .*{why}"
    ):
        unpack(tmp_path / "a", tmp_path / "out")
    assert is_clean(tmp_path, tmp_path / "a")


def test_refuses_names_with_nul(tmp_path):
    make_zip(tmp_path / "a", [("good.jpg", b""), ("set-evil.sh.jpg", b"")])
    data = (tmp_path / "a").read_bytes().replace(b"set-evil.sh.jpg", b"set-evil.sh\0jpg")
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ValueError, match=r"'set-evil.sh\\x00jpg' has a NUL"):
        unpack(tmp_path / "a", tmp_path / "out")


def test_refuses_names_that_are_no_text(tmp_path):
    make_tar(tmp_path / "a", [("caf\udce9", b"")])
    with pytest.raises(ValueError, match="no Unicode text"):
        unpack(tmp_path / "a", tmp_path / "out")


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.filterwarnings("ignore:Duplicate name")  # of zipfile, which writes it
@pytest.mark.parametrize(
    "first, second, why",
    [
        ("a", "a", "'a' is there twice"),
        ("set/a", "./set//a", "'set/a' is there twice"),
        ("set/a", "SET/b", "one name on some systems"),
        ("set/a", "set/A", "one name on some systems"),
        ("caf\u00e9", "cafe\u0301", "one name on some systems"),
        ("\u00c9/x", unicodedata.normalize("NFD", "\u00e9/y"), "one name on some systems"),
        ("a", "a/b", "as file and as folder"),
        ("a/b", "a", "as file and as folder"),
        ("a/", "a", "as file and as folder"),
    ],
)
def test_refuses_names_that_meet(tmp_path, make, first, second, why):
    entries = [first, second]
    if make is make_tar:
        entries = [special(tarfile.DIRTYPE, n) if n.endswith("/") else n for n in entries]
    make(tmp_path / "a", [(entry, b"") for entry in entries])
    with pytest.raises(ValueError, match=why):
        unpack(tmp_path / "a", tmp_path / "out")
    assert is_clean(tmp_path, tmp_path / "a")


def test_a_folder_may_be_there_twice(tmp_path):
    folder = special(tarfile.DIRTYPE, "set/")
    make_tar(
        tmp_path / "a", [(special(tarfile.DIRTYPE, "./"), b""), (folder, b""), ("set/a", b""), (folder, b"")]
    )
    unpack(tmp_path / "a", tmp_path / "out")
    assert unpacked(tmp_path / "out") == {"set/a": b""}


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
        started = time.perf_counter()
        with pytest.raises(ValueError, match="a to be a whole zip or tar archive"):
            unpack(tmp_path / "a", tmp_path / "out", keep=keep)
        assert time.perf_counter() - started < 2
    assert is_clean(tmp_path, tmp_path / "a")


@pytest.mark.parametrize("make", MAKERS)
def test_refuses_a_bomb(tmp_path, make):
    make(tmp_path / "a", [("zeros", bytes(64 * 2**20))])
    assert 64 * 2**20 / (tmp_path / "a").stat().st_size > 900
    with pytest.raises(ValueError, match="a bomb, or more than `largest`"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert is_clean(tmp_path, tmp_path / "a")
    unpack(tmp_path / "a", tmp_path / "out", ratio=2000)
    assert (tmp_path / "out/zeros").stat().st_size == 64 * 2**20


def test_refuses_a_bomb_whose_header_is_modest(tmp_path):
    """Two members of a zip that are the same bytes, and say that they are small."""
    make_zip(tmp_path / "a", [("zeros", bytes(64 * 2**20))])
    edited_zip(tmp_path / "a", "size", 1000)
    with pytest.raises(ValueError, match="CRC"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert is_clean(tmp_path, tmp_path / "a")


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


def test_check_sums_of_gzip_are_compared(tmp_path):
    data = bytearray(make_tar(tmp_path / "a", FILES.items()).read_bytes())
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


def test_refuses_arguments_that_are_wrong(tmp_path):
    make_zip(tmp_path / "a", FILES.items())
    with pytest.raises(ValueError, match=r"Expected path to be a file, received: .*missing"):
        unpack(tmp_path / "missing", tmp_path / "out")
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError, match=r"Expected folder to be a new one, received: .*out"):
        unpack(tmp_path / "a", tmp_path / "out")


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path):
    make_zip(tmp_path / "a", FILES.items())
    (tmp_path / "elsewhere").mkdir()
    try:
        (tmp_path / "out").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    except OSError:
        pytest.skip("needs a right that this user has not")
    with pytest.raises(ValueError, match="folder to be a new one"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert not any((tmp_path / "elsewhere").iterdir())


def test_says_before_it_writes_that_a_zip_does_not_fit(tmp_path, monkeypatch):
    make_zip(tmp_path / "a", FILES.items())
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 90, 10))
    with pytest.raises(OSError, match=r"Cannot write .*out: 20 bytes are needed where 10 are free"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert is_clean(tmp_path, tmp_path / "a")


@pytest.mark.parametrize("make", MAKERS)
def test_a_disk_that_is_full_is_no_fault_of_the_archive(tmp_path, make, monkeypatch):
    make(tmp_path / "a", FILES.items())

    def full(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    real = type(tmp_path).open
    monkeypatch.setattr(
        type(tmp_path), "open", lambda self, mode="r", *a: full(self) if "x" in mode else real(self, mode, *a)
    )
    with pytest.raises(OSError, match=r"Cannot write .*out: No space left on device"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert is_clean(tmp_path, tmp_path / "a")


KILLED = """
import sys
from tfdml.data.archives import unpack
def keep(name):
    if name == "150":
        print("there", flush=True)
        sys.stdin.read()
    return True
unpack(sys.argv[1], sys.argv[2], keep=keep)
"""


def test_a_process_that_is_killed_leaves_no_folder(tmp_path):
    make_tar(tmp_path / "a", [(f"{n}", b"x") for n in range(300)])
    arguments = [sys.executable, "-c", KILLED, str(tmp_path / "a"), str(tmp_path / "out")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().strip() == b"there"
        process.kill()
    left = [path.name for path in tmp_path.iterdir()]
    assert "out" not in left and len(left) == 2
    remove_parts(tmp_path)
    unpack(tmp_path / "a", tmp_path / "out")
    assert len(unpacked(tmp_path / "out")) == 300
    assert {path.name for path in tmp_path.iterdir()} == {"a", "out"}


@pytest.mark.parametrize("make", MAKERS)
def test_time_grows_with_the_number_of_members_and_no_faster(tmp_path, make):
    def seconds(count):
        make(tmp_path / f"{count}", [(f"{n % 50}/{n}", b"x") for n in range(count)])
        started = time.process_time()
        unpack(tmp_path / f"{count}", tmp_path / f"out{count}")
        return time.process_time() - started

    seconds(10)
    assert seconds(4000) < 40 * max(seconds(400), 0.02)
