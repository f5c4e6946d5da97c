import pytest

from tfdml.data.archives import read_lines


@pytest.mark.parametrize(
    "content, lines",
    [
        (b"1 a\n2 b\n", ["1 a", "2 b"]),
        (b"\xef\xbb\xbf1 a\r\n\r\n  2 b \r\n", ["1 a", "2 b"]),
        (b"a\rb", ["a", "b"]),
        ("é\u2028x\ny\x0bz".encode(), ["é\u2028x", "y\x0bz"]),  # other programs do not end a line here
        (b"", []),
    ],
)
def test_reads_lines(tmp_path, content, lines):
    (tmp_path / "list.txt").write_bytes(content)
    assert read_lines(tmp_path / "list.txt") == lines


@pytest.mark.parametrize("content", [b"caf\xe9", b"a\0b", "é".encode("utf-16")])
def test_refuses_what_is_no_text(tmp_path, content):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"Expected .*list.txt to be a text in UTF-8, received: "):
        read_lines(tmp_path / "list.txt")


def test_refuses_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"Expected path to be a file, received: .*missing"):
        read_lines(tmp_path / "missing")
