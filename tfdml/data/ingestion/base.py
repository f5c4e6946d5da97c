"""The run of an ingestion, which each image set fills with what is its own."""

import os
from contextlib import suppress
from pathlib import Path

from tfdml.data.archives import unpack
from tfdml.data.image_file import SUFFIXES
from tfdml.data.ingestion.building import Building
from tfdml.data.ingestion.locking import alone
from tfdml.data.ingestion.picturing import Picturing
from tfdml.data.ingestion.report import check_place, check_published, is_of, report_path, write_report
from tfdml.data.ingestion.selection import select
from tfdml.data.locations import data_dir
from tfdml.files import remove, remove_parts


class DatasetIngestion:
    """Turns the downloaded files of an image set into one HDF5 file.

    A subclass gives `info`, `get_classes` and `get_samples`, and where the set wants it otherwise
    `decompress`, `get_test_samples`, `payloads` and `prepare`. A run that was killed goes on where it
    stopped when it is started again, and ends with the same file, byte for byte; the file appears when it is
    whole.

    Args:
        directory: Folder of image sets; the downloaded files are in its subfolder named as the set.
            Defaults to the variable `TFDML_DATA`, or `~/.tfdml/data`.
        out: File to write, `.hdf5` or `.h5`. Defaults to `NAME.hdf5` in `directory`, with the number of
            classes in the name where some are drawn.
        n: Number of classes to draw at random, from the two sides of the retrieval split in proportion.
            Defaults to all.
        seed: Decides which classes are drawn. Defaults to `0`.
        size: Side of the pictures in pixels, 1 to 4096. Defaults to what suits the set.
        fit: `"crop"` (shorter side to the size, the middle of the other), `"pad"` (longer side to the size,
            the rest white) or `"stretch"` (proportions lost). Defaults to `"crop"`.
        encoding: `"raw"` pixels, which are fast to read, or `"jpeg"` or `"png"`, which are small.
            Defaults to `"raw"`.
        channels: `"last"` or `"first"`. Defaults to `"last"`.
        fuel: Whether to write the layout of the first converters, for programs that read it with Fuel:
            256x256 pixels stretched, channels first, and the labels that the publishers gave, unless
            classes are drawn. Defaults to `False`.
        max_skipped: Pictures that may be unreadable; they are named in the report and left out.
            Defaults to `100`.
        keep_unpacked: Whether to leave the unpacked files, for the next ingestion. Defaults to `False`.
        workers: Threads. Defaults to the number of cores.
        note: Function called with each sentence that the user should know.
        progress: Function called with the number of pictures that are done and of all.

    Example:

    >>> class Stripes(tfdml.data.DatasetIngestion):
    ...     info = tfdml.data.SetInfo("stripes", "Stripes", 4, 2, "CC0", "", "", image_size=8)
    ...
    ...     def get_classes(self):
    ...         return {"h": "horizontal", "v": "vertical"}
    ...
    ...     def get_samples(self):
    ...         return [tfdml.data.Sample(side, f"{side}{i}") for side in "hv" for i in range(2)]
    ...
    ...     def payloads(self, samples):
    ...         picture = np.zeros((8, 8), "uint8")
    ...         picture[::2] = 255
    ...         return (picture if sample.class_id == "h" else picture.T for sample in samples)
    >>> tfdml.data.from_hdf5(Stripes("data").start(), split="test")
    <ImageSet stripes: 2 images of 1 classes>
    """

    info = None

    def __init__(
        self,
        directory=None,
        out=None,
        *,
        n=None,
        seed=0,
        size=None,
        fit="crop",
        encoding="raw",
        channels="last",
        fuel=False,
        max_skipped=100,
        keep_unpacked=False,
        workers=None,
        note=None,
        progress=None,
    ):
        if channels not in ("last", "first"):
            raise ValueError(f"Expected channels to be 'last' or 'first', received: {channels!r}")
        if max_skipped < 0:
            raise ValueError(f"Expected max_skipped to be 0 or more, received: {max_skipped}")
        if n is not None and n < 1:
            raise ValueError(f"Expected n to be 1 or more, received: {n}")
        directory = data_dir(directory)
        self.downloads = directory / self.info.name
        self.folder = self.downloads / "unpacked"
        drawn = "" if n is None else f"_{n}"
        self.out = Path(out or directory / f"{self.info.name}{drawn}{'_fuel' if fuel else ''}.hdf5")
        if self.out.suffix.lower() not in SUFFIXES:
            raise ValueError(f"Expected out to end in {' or '.join(SUFFIXES)}, received: {self.out}")
        self.n, self.seed, self.fuel = n, seed, fuel
        if fuel:
            size, fit, channels = 256 if size is None else size, "stretch", "first"
        size = self.info.image_size if size is None else size
        self.picturing = Picturing(size, fit, encoding, channels == "first", fuel)
        self.max_skipped, self.keep_unpacked = max_skipped, keep_unpacked
        self.workers = workers or os.cpu_count() or 1
        self.note, self.progress = note or (lambda _: None), progress or (lambda *_: None)

    def get_classes(self):
        """Name of each class by the id that the set gives it, in the order of the labels."""
        raise NotImplementedError

    def get_samples(self):
        """Every picture, a list of `Sample`."""
        raise NotImplementedError

    def decompress(self):
        """Unpacks every archive of the set, each into a folder of its own."""
        for file in self.info.files:
            self.unpack(file.name)

    def get_test_samples(self, samples):
        """The retrieval split of each sample: its own, or "train" for the first half of the classes."""
        order = {class_id: place for place, class_id in enumerate(self.get_classes())}
        half = len(order) // 2
        return [s.retrieval or ("train" if order.get(s.class_id, 0) < half else "test") for s in samples]

    def payloads(self, samples):
        """What each sample's picture is read from: a path, the bytes of a picture file, or its pixels."""
        return (self.folder / sample.source for sample in samples)

    def prepare(self, picture):
        """What is done to the RGB pixels of each picture before it becomes a square."""
        return picture

    def download(self, name):
        """Path of a downloaded file of the set.

        Raises:
            ValueError: It is not there; the message tells how to get it.
        """
        path = self.downloads / name
        if not path.is_file():
            how = self.info.manual or f"tfdml download {self.info.name} fetches it"
            raise ValueError(
                f"Expected {path} to be a file of {self.info.title}, received: none there ({how})"
            )
        return path

    def unpack(self, name, into=None, keep=None):
        """Unpacks a downloaded archive unless that was done.

        Args:
            name: Its file name.
            into: Folder below `folder`. Defaults to its name without what tells the format.
            keep: Function of a member's name that tells whether it is wanted. Defaults to all.

        Returns:
            The folder.
        """
        archive = self.download(name)
        folder = self.folder / (into or name.partition(".")[0])
        if not folder.is_dir():
            self.note(f"Unpacking {name}.")
            folder.parent.mkdir(parents=True, exist_ok=True)
            remove_parts(folder.parent)
            unpack(archive, folder, keep=keep)
        return folder

    def check_published(self, selection):
        """Raises where the whole set has other counts than its publishers say."""
        check_published(self.info, selection, self.downloads)

    def fingerprint(self):
        """A text that is another one where the pictures have changed, for pictures that may change."""
        return ""

    @property
    def recipe(self):
        """What decides the file, a dictionary of plain values."""
        drawn = {} if self.n is None else {"n": self.n, "seed": self.seed}
        picturing = self.picturing
        channels = "first" if picturing.channels_first else "last"
        return {
            "set": self.info.name,
            **drawn,
            "size": picturing.size,
            "fit": picturing.fit,
            "encoding": picturing.encoding,
            "channels": channels,
            "fuel": self.fuel,
        }

    @property
    def work(self):
        """Folder of what is unfinished, beside the file."""
        return self.out.with_name(f".{self.out.name}.ingesting")

    @property
    def lock(self):
        """File that is locked while `out` is made; what is unpacked has a lock of its own."""
        return self.out.with_name(f".{self.out.name}.lock")

    @property
    def report(self):
        """Path of the report: what was ingested, and the pictures that could not be read."""
        return report_path(self.out)

    @property
    def _identity(self):
        return {"recipe": self.recipe, "fingerprint": self.fingerprint()}

    def start(self):
        """Makes the file, or goes on with one that was begun.

        Returns:
            Path of the file.

        Raises:
            ValueError: Files are missing or damaged, counts are not as published, more pictures are
                unreadable than `max_skipped`, or `out` or its report exists and came of something else.
            OSError: The disk is full, or a folder may not be written.
        """
        if self.n is not None and self.n > self.info.classes:
            raise ValueError(
                f"Expected n to be from 1 to the {self.info.classes} classes of {self.info.title}, "
                f"received: {self.n}"
            )
        for file in self.info.files:
            self.download(file.name)
        self._is_made()  # may raise: before there is anything beside it
        # What is unpacked has a lock of its own; without archives nothing is.
        locks = [self.downloads / ".ingesting.lock", self.lock] if self.info.files else [self.lock]
        with alone(locks, f"Another process ingests {self.info.name}: waiting for it.", self.note):
            if self._is_made():
                self.note(f"{self.out} is there already.")
            else:
                self._ingest(self.work)
            if self.info.files and not self.keep_unpacked:  # without archives, what is there is the user's
                remove(self.downloads / "unpacked")
            remove(self.work)
        # Who waits for it will find `out`, and write nothing. On Windows the last of them removes it.
        with suppress(PermissionError):
            self.lock.unlink(missing_ok=True)
        return self.out

    def _is_made(self):
        made = self.out.exists()
        if not made:
            check_place(self.report)
        elif not is_of(self.report, self._identity):
            raise ValueError(f"Expected out to be a new file, received: {self.out}, which exists")
        return made

    def _ingest(self, work):
        self.decompress()
        samples = self.get_samples()
        selection = select(self.get_classes(), samples, self.get_test_samples(samples), self.n, self.seed)
        if self.n is None:
            self.check_published(selection)
        attributes = {"license": self.info.license, "source": self.info.source, "paper": self.info.paper}
        original = self.fuel and self.n is None and selection.has_integer_ids
        building = Building(
            work,
            self.out,
            selection,
            self.picturing,
            self.info.name,
            self.recipe,
            attributes,
            self.fingerprint(),
            original,
        )
        total = len(selection.samples)
        skipped = building.run(
            self.payloads,
            self.prepare,
            self.max_skipped,
            self.workers,
            lambda done: self.progress(done, total),
        )
        for place, reason in list(skipped.items())[:5]:
            self.note(f"Skipped {selection.samples[place].source}: {reason}")
        if skipped:
            self.note(f"{len(skipped)} of {total} pictures were skipped: {self.report} names them.")
        write_report(self.report, work / "report", selection, skipped, self._identity)
        building.finish()
