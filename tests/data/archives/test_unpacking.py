import errno
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile

import pytest
from archive_makers import FILES, MAKERS, is_clean, make_tar, make_zip, special, unpacked

from tfdml.data.archives import unpack
from tfdml.files import remove_parts


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
    make_tar(
        tmp_path / "a",
        [*FILES.items(), (link, b""), (sparse, b""), ("set/large", bytes(3 * 10**6)), ("z", b"")],
    )
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
def test_work_grows_with_the_number_of_members_and_no_faster(tmp_path, make):
    def calls(count):
        made, seen = [0], sys.getprofile()
        make(tmp_path / f"{count}", [(f"{n % 50}/{n}", b"x") for n in range(count)])
        sys.setprofile(lambda frame, event, argument: made.__setitem__(0, made[0] + event.endswith("call")))
        try:
            unpack(tmp_path / f"{count}", tmp_path / f"out{count}")
        finally:
            sys.setprofile(seen)
        return made[0]

    calls(10)
    assert calls(2000) < 11 * calls(200)
