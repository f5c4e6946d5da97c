"""From selected pictures to the finished file, by way of a folder that a killed ingestion goes on from."""

import hashlib
import json
import os
import shutil

import cv2
import h5py
import numpy as np

from tfdml.data.image_file import Contents, create_image_file
from tfdml.data.ingestion import parallel
from tfdml.data.ingestion.spool import Spool
from tfdml.files import reason, remove, written_whole

LARGEST_CHUNK = 2**23  # bytes of the pictures that a thread hands over at once


class Building:
    """The file of an ingestion while it is made.

    Args:
        folder: Where unfinished files lie, on the same disk as `out`.
        out: The finished file.
        selection: A `Selection`.
        picturing: A `Picturing`.
        name: Name of the set.
        recipe: What decides the file, a dictionary of plain values.
        attributes: Attributes of the file, strings.
        fingerprint: A text that is another one where the pictures have changed.
        original_labels: Whether targets are the ids that the set gives its classes, which are integers then.
    """

    def __init__(
        self, folder, out, selection, picturing, name, recipe, attributes, fingerprint, original_labels=False
    ):
        self.folder, self.out, self.selection, self.picturing = folder, out, selection, picturing
        self.name, self.recipe, self.attributes = name, recipe, attributes
        self.fingerprint, self.original_labels = fingerprint, original_labels
        self._pictures, self._journal = folder / "pictures", folder / "journal"

    def run(self, payloads, prepare, max_skipped, workers, progress):
        """Stores the pictures.

        Args:
            payloads: Function from samples to what `Picturing.store` takes, one each.
            prepare: What `Picturing.store` takes.
            max_skipped: Pictures that may be unreadable.
            workers: Threads.
            progress: Function called with the number of pictures that are done.

        Returns:
            `{place: reason}` of the pictures that could not be read.

        Raises:
            ValueError: More than `max_skipped` could not be read.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        samples = self.selection.samples
        self._offset = self._begin()
        self._spool = spool = Spool(self._pictures, self._offset, self._journal, self._identity())
        try:
            self._check_room(spool)
            progress(spool.done)
            self._check(spool.skipped, max_skipped)
            for results in self._stored(prepare, payloads(samples[spool.done :]), workers):
                self._append(spool, results)
                progress(spool.done)
                self._check(spool.skipped, max_skipped)
            if spool.done != len(samples):
                raise ValueError(f"Expected {len(samples)} pictures of {self.name}, received: {spool.done}")
            if not spool.sizes:
                raise ValueError(f"Expected {self.name} to hold a picture that can be read, received: none")
        finally:
            spool.close()
        return spool.skipped

    def finish(self):
        """Puts the file in its place, once `run` is through."""
        spool = self._spool
        contents = self._contents(self.selection.without(spool.skipped), spool.sizes)
        content = hashlib.sha256(b"".join(spool.digests) + contents.targets.astype("<i4").tobytes()).digest()
        whole = self._pictures
        if self.picturing.encoding != "raw" or spool.skipped:
            whole = self.folder / "whole"
            images, _ = create_image_file(whole, contents)
            with self._pictures.open("rb") as source, whole.open("r+b") as target:
                source.seek(self._offset)
                target.seek(images)
                for size in _pieces(sum(spool.sizes)):
                    target.write(source.read(size))
        place = _places(whole)[1]
        with whole.open("r+b") as file:
            if place is not None:
                file.seek(place)
                file.write(content)
            file.flush()
            os.fsync(file.fileno())  # no name without its pixels after a power cut
        whole.replace(self.out)

    def _check(self, skipped, max_skipped):
        """Raises where too many pictures cannot be read."""
        if len(skipped) > max_skipped:
            named = [f"{self.selection.samples[place].source} ({why})" for place, why in skipped.items()]
            raise ValueError(
                f"Expected at most {max_skipped} pictures that cannot be read, "
                f"received: {len(skipped)}, such as {named[0]}"
            )

    def _append(self, spool, results):
        try:
            spool.append(results)
        except OSError as error:
            raise OSError(f"Cannot write {self.out}: {reason(error)}") from error

    def _begin(self):
        """Where the first picture goes in the file of the pictures.

        Raw pixels go to their place in the finished file at once. How many bytes encoded ones take is known
        when all are written, so they wait in a file of their own.
        """
        begun = ""
        if self._journal.is_file():
            with self._journal.open(encoding="utf-8", errors="replace") as journal:
                begun = journal.readline().strip()
        if begun != self._identity():  # pictures without a journal may be of anything, too
            remove(self._pictures)
            remove(self._journal)
        if self.picturing.encoding != "raw":
            return 0
        if not self._pictures.exists():
            with written_whole(self._pictures) as part:
                create_image_file(part, self._contents(self.selection))
        return _places(self._pictures)[0]

    def _identity(self):
        """A line that is another one where the finished file would be another one."""
        contents = self._contents(self.selection)
        listed = [contents.sources, contents.targets.tolist(), contents.splits, contents.classification]
        listed += [contents.class_names, contents.class_ids]
        digest = hashlib.sha256(json.dumps(listed).encode()).hexdigest()
        decides = {"recipe": self.recipe, **self.attributes, "listed": digest, "pictures": self.fingerprint}
        return json.dumps(decides, sort_keys=True)

    def _stored(self, prepare, payloads, workers):
        def store(payload):
            try:
                return self.picturing.store(payload, prepare)
            except (ValueError, OSError, MemoryError, cv2.error) as error:
                return None, " ".join(str(error).split())

        chunk = max(1, min(parallel.CHUNK, LARGEST_CHUNK // self.picturing.row_bytes))
        return parallel.in_order(store, payloads, workers, chunk)

    def _check_room(self, spool):
        """Fails at the start where the disk is too small for what is still to be written."""
        if self.picturing.encoding != "raw":
            return
        needed = (len(self.selection.samples) - spool.done) * self.picturing.row_bytes
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise OSError(
                f"Cannot write {self.out}: it takes {needed / 2**30:.1f} GB more, "
                f"{free / 2**30:.1f} GB are free"
            )

    def _contents(self, selection, sizes=None):
        picturing, labels = self.picturing, selection.labels
        if self.original_labels:
            labels = np.array([int(selection.class_ids[label]) for label in labels])
        return Contents(
            self.name,
            (picturing.size, picturing.size, 3),
            labels,
            selection.class_names,
            selection.class_ids,
            [sample.source for sample in selection.samples],
            selection.ranges,
            [sample.classification for sample in selection.samples],
            picturing.encoding,
            sizes,
            picturing.channels_first,
            picturing.fuel,
            {"recipe": json.dumps(self.recipe, sort_keys=True), **self.attributes},
        )


def _places(path):
    """Where the pictures and the content hash are in a file that `create_image_file` made."""
    with h5py.File(path, "r") as file:
        digest = file.get("content_sha256")
        return file["images"].id.get_offset(), None if digest is None else digest.id.get_offset()


def _pieces(total, size=2**24):
    whole, rest = divmod(total, size)
    return [size] * whole + [rest]
