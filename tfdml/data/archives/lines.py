"""Lists in text files."""

from tfdml.data.archives.trust import Refused, existing_file, named

_LARGEST = 2**30


def read_lines(path):
    """Reads the lines of a UTF-8 text, without the spaces around them and without those that are empty.

    Args:
        path: The file; at most 1 GiB. Lines end as on any system.

    Returns:
        A list of strings.

    Raises:
        ValueError: The file is no text.

    Example:

    ```python
    from tfdml.data.archives import read_lines

    Path("classes.txt").write_bytes(b"1 robin\\r\\n\\r\\n2 wren \\n")
    assert read_lines("classes.txt") == ["1 robin", "2 wren"]
    ```
    """
    path = existing_file(path)
    with named(path, "a text in UTF-8"):
        if path.stat().st_size > _LARGEST:
            raise Refused(f"a file of more than {_LARGEST} bytes")
        with path.open(encoding="utf-8-sig") as file:
            text = file.read()
        if "\0" in text:
            raise Refused("a file with NUL characters")
        return [line for line in map(str.strip, text.split("\n")) if line]
