"""The part of a file that has come so far."""

import json
from pathlib import Path


class Partial:
    """`.NAME.part` beside the file to be, with a note of the version it is of: `.NAME.part.json`.

    Args:
        path: Where the whole file will be.
    """

    def __init__(self, path):
        self.target = Path(path)
        self.path = self.target.with_name(f".{self.target.name}.part")
        self.note = self.target.with_name(f".{self.target.name}.part.json")

    @property
    def size(self):
        """Bytes that are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    def version(self, url):
        """The ETag or date that tells `url` which version this is a part of; None where there is neither."""
        try:
            noted = json.loads(self.note.read_text(encoding="utf-8"))
            return noted["version"] if noted["url"] == url else None
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None  # A note half written by a process that was killed is no JSON.

    def begin(self, url, version):
        """Starts anew with a version of the file that is at `url`."""
        # In this order: a note never stands beside bytes of another version, wherever the process is killed.
        self.discard()
        self.note.write_text(json.dumps({"url": url, "version": version}), encoding="utf-8")

    def discard(self):
        """Removes it."""
        self.note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def finish(self):
        """Gives it the name of the whole file."""
        self.path.replace(self.target)


def version_of(headers):
    """The validator that `If-Range` takes: a strong ETag, else the date of the last change, else None."""
    etag = headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")
