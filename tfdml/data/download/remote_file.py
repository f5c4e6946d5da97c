"""A file on the internet, and what is known of it."""

import hashlib
import re
from dataclasses import dataclass

# What some system does not take in a name of a file, or takes as the way to another folder.
NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|\x00-\x1f]')


@dataclass(frozen=True)
class RemoteFile:
    """A file, where it can be had, and how to tell that it is whole.

    Args:
        name: The name to store it under, without folders. What a server calls the file plays no part.
        urls: Its addresses, `http://` or `https://`, in the order in which they are tried. Defaults to
            none: a file that people must fetch themselves.
        size: Its length in bytes, 0 or more. Defaults to None, unknown.
        sha256: Its SHA-256, 64 hexadecimal digits. Defaults to None.
        md5: Its MD5, 32 hexadecimal digits, where the publisher gives nothing better; not looked at
            beside a SHA-256. Defaults to None.

    Raises:
        ValueError: An argument is not as above.

    Example:

    >>> from tfdml.data.download import RemoteFile
    >>> file = RemoteFile(
    ...     "images.tgz",
    ...     ("https://example.org/images.tgz", "https://mirror.example.org/pub/images.tgz"),
    ...     size=1_150_585_339,
    ...     md5="97eceeb196236b17998738112f37df78",
    ... )
    >>> file.urls[0]
    'https://example.org/images.tgz'
    """

    name: str
    urls: tuple[str, ...] = ()
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None

    def __post_init__(self):
        if NOT_IN_NAMES.search(self.name) or not self.name.strip(". "):
            raise ValueError(f"Expected name to be a file name without folders, received: {self.name!r}")
        if isinstance(self.urls, str) or not all(isinstance(url, str) for url in self.urls):
            raise ValueError(f"Expected urls to be a tuple of addresses, received: {self.urls!r}")
        object.__setattr__(self, "urls", tuple(self.urls))
        if self.size is not None and self.size < 0:
            raise ValueError(f"Expected size to be 0 bytes or more, received: {self.size}")
        for field, digits in (("sha256", 64), ("md5", 32)):
            value = getattr(self, field)
            if value is not None and not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", value):
                raise ValueError(f"Expected {field} to be {digits} hexadecimal digits, received: {value!r}")

    @property
    def has_digest(self):
        """Whether the bytes can be checked, and not just counted."""
        return bool(self.sha256 or self.md5)

    def fault(self, path):
        """What is wrong with the file at `path`, in words; None if its size and digest are right."""
        size = path.stat().st_size
        if self.size is not None and size != self.size:
            return f"it has {size} bytes, expected {self.size}"
        if not self.has_digest:
            return None
        kind, expected = ("SHA-256", self.sha256) if self.sha256 else ("MD5", self.md5)
        with path.open("rb") as file:
            found = hashlib.file_digest(file, hashlib.sha256 if self.sha256 else new_md5).hexdigest()
        return None if found == expected.lower() else f"its {kind} is {found}, expected {expected.lower()}"


def new_md5():
    """MD5 as a checksum: Python builds that follow FIPS refuse it for anything else."""
    return hashlib.md5(usedforsecurity=False)
