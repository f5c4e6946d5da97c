"""Pictures one after another in a file, with a journal that an interrupted ingestion goes on from."""

import hashlib
import json

from tfdml.files import written_whole


class Spool:
    """Appends pictures to a file, and remembers what it wrote.

    A line of the journal stands for some pictures that were written before it: their sizes and SHA-256,
    and those that could not be read. On opening, everything that the journal says is compared with the
    file; what comes after the last line that holds is done again. The journal's first line says what is
    being ingested: if that is something else now, it starts anew.

    Args:
        path: File of the pictures; it exists where `offset` is above 0.
        offset: Where in it the first picture begins.
        journal: File of the journal.
        identity: What is ingested, a text of one line.

    Attributes:
        sizes, digests: Of each picture that was written, in bytes.
        skipped: `{place: reason}` of those that could not be read.
        done: Pictures that were written or skipped.
    """

    def __init__(self, path, offset, journal, identity):
        self.sizes, self.digests, self.skipped, self.done = [], [], {}, 0
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._file.seek(offset)
        lines = _lines(journal)
        kept = [identity]
        if lines[:1] == [identity]:
            kept += self._agreeing(lines[1:])
        self._file.seek(offset + sum(self.sizes))
        with written_whole(journal) as part:
            part.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        self._journal = journal.open("a", encoding="utf-8")

    def append(self, results):
        """Writes pictures: of each its bytes and digest, or `None` and the reason why there are none."""
        entries = []
        for stored, rest in results:
            if stored is None:
                entries.append(rest)
            else:
                self._file.write(stored)
                entries.append([len(stored), rest.hex()])
            self._count(entries[-1])
        self._file.flush()
        self._journal.write(json.dumps(entries) + "\n")
        self._journal.flush()

    def close(self):
        """Ends the writing."""
        self._file.close()
        self._journal.close()

    def _agreeing(self, lines):
        """The lines, from the first on, whose pictures are in the file."""
        agreeing = []
        for line in lines:
            try:
                entries = json.loads(line)
            except json.JSONDecodeError:
                break  # cut off in the middle
            for entry in entries:
                if isinstance(entry, str):
                    continue
                size, digest = entry
                if hashlib.sha256(self._file.read(size)).hexdigest() != digest:
                    return agreeing
            for entry in entries:
                self._count(entry)
            agreeing.append(line)
        return agreeing

    def _count(self, entry):
        if isinstance(entry, str):
            self.skipped[self.done] = entry
        else:
            self.sizes.append(entry[0])
            self.digests.append(bytes.fromhex(entry[1]))
        self.done += 1


def _lines(journal):
    try:
        return journal.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return []
