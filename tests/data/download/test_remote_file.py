"""What is known of a file on the internet."""

import hashlib

import pytest

from tfdml.data.download import RemoteFile

ADDRESS = ("https://example.org/a.zip",)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../a", "/a", "a\\b", "C:a", "a\0", "a\n", " . ", "a?", "a*", 'a"']
)
def test_names_hold_no_folders(name):
    with pytest.raises(ValueError, match="Expected name to be a file name without folders, received"):
        RemoteFile(name, ADDRESS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("urls", "https://example.org/a.zip"),
        ("urls", (None,)),
        ("size", -1),
        ("sha256", "12"),
        ("sha256", "g" * 64),
        ("md5", "0" * 64),
    ],
)
def test_what_cannot_be(field, value):
    facts = {"name": "a.zip", "urls": ADDRESS, field: value}
    with pytest.raises(ValueError, match=f"Expected {field} to be .*, received"):
        RemoteFile(**facts)


def test_urls_may_be_a_list():
    assert hash(RemoteFile("a.zip", list(ADDRESS))) == hash(RemoteFile("a.zip", ADDRESS))


def test_fault(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"abc")
    sha256, md5 = hashlib.sha256(b"abc").hexdigest(), hashlib.md5(b"abc").hexdigest()
    right = [{}, {"size": 3}, {"sha256": sha256.upper()}, {"md5": md5}, {"sha256": sha256, "md5": "0" * 32}]
    for facts in right:
        assert RemoteFile("a.zip", **facts).fault(path) is None
    wrong = [
        ({"size": 4, "sha256": sha256}, "it has 3 bytes, expected 4"),
        ({"size": 3, "sha256": "0" * 64}, f"its SHA-256 is {sha256}, expected {'0' * 64}"),
        ({"md5": "0" * 32}, f"its MD5 is {md5}, expected {'0' * 32}"),
    ]
    for facts, fault in wrong:
        assert RemoteFile("a.zip", **facts).fault(path) == fault
