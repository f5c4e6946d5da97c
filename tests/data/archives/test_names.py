import tarfile
import unicodedata

import pytest
from archive_makers import MAKERS, is_clean, make_tar, make_zip, special, unpacked

from tfdml.data.archives import unpack


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
