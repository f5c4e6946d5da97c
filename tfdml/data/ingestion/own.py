"""A user's own pictures to HDF5: a folder with one subfolder a class, or a list in a CSV file."""

import csv
import hashlib
from pathlib import Path, PureWindowsPath

from tfdml.data.folder import class_folders
from tfdml.data.ingestion.base import DatasetIngestion
from tfdml.data.ingestion.info import Sample, SetInfo
from tfdml.data.ingestion.selection import ORDER

ALL = "all"  # the one part of a set that has no split


class OwnIngestion(DatasetIngestion):
    """An ingestion of picture files that lie on the disk. A subclass lists them.

    Args:
        root: Folder that the sources are relative to.
        samples: A `Sample` each.
        out, options: As in `DatasetIngestion`.
    """

    def __init__(self, root, samples, out, **options):
        self.info = SetInfo(
            Path(out).stem, str(root), len(samples), len({s.class_id for s in samples}), "", "", ""
        )
        super().__init__(Path(out).parent, out, **options)
        self._samples, self.folder = samples, root

    def decompress(self):
        """Nothing is packed."""

    def get_classes(self):
        """The classes by name."""
        return {name: name for name in sorted({sample.class_id for sample in self._samples})}

    def get_samples(self):
        """The pictures that were listed."""
        return self._samples

    def get_test_samples(self, samples):
        """The split that was listed, or one part with everything."""
        return [sample.retrieval or ALL for sample in samples]

    def fingerprint(self):
        """Names, classes and splits as they are listed, sizes and times of the files."""
        content = hashlib.sha256()
        for sample in self._samples:
            path = self.folder / sample.source
            state = path.stat() if path.is_file() else None
            content.update(repr((sample, state and (state.st_size, state.st_mtime_ns))).encode())
        return content.hexdigest()


def ingest_folder(path, out, **options):
    """Writes the pictures of a folder, whose subfolders are the classes, to an HDF5 file.

    Args:
        path: Folder with one subfolder a class; the pictures of a class may lie deeper in it.
        out: HDF5 file to write.
        options: As in `tfdml.data.DatasetIngestion`: `size`, `fit`, `encoding`, `max_skipped` and others.

    Returns:
        Path of the file; it has no split, so `tfdml train` holds a part out as it does with a folder.

    Raises:
        ValueError: `path` is no folder or has no pictures, or too many cannot be read.

    Example:

    >>> import cv2
    >>> for name in ("cats", "dogs"):
    ...     Path("pets", name).mkdir(parents=True)
    ...     _ = cv2.imwrite(f"pets/{name}/1.png", np.zeros((20, 30, 3), "uint8"))
    >>> str(tfdml.data.ingest_folder("pets", "pets.hdf5", size=16))
    'pets.hdf5'
    """
    root = Path(path)
    samples = [
        Sample(name, file.relative_to(root).as_posix())
        for name, files in class_folders(root).items()
        for file in files
    ]
    return OwnIngestion(root, samples, out, **options).start()


def ingest_csv(path, out, **options):
    """Writes the pictures that a CSV file lists to an HDF5 file.

    Args:
        path: CSV file with a header; its columns `path` and `label`, and `split` if there is one
            (`train`, `validation`, `test`, `query` or `gallery`). Paths are relative to the file's folder
            or absolute; `\\` separates folders too.
        out: HDF5 file to write.
        options: As in `tfdml.data.DatasetIngestion`: `size`, `fit`, `encoding`, `max_skipped` and others.

    Returns:
        Path of the file.

    Raises:
        ValueError: The file is no such list (the message names the line), or too many pictures cannot be
            read.

    Example:

    >>> import cv2
    >>> for name in ("rex", "tom"):
    ...     _ = cv2.imwrite(f"{name}.png", np.zeros((20, 30, 3), "uint8"))
    >>> _ = Path("pets.csv").write_text("path,label,split\\nrex.png,dog,train\\ntom.png,cat,test\\n")
    >>> tfdml.data.from_hdf5(tfdml.data.ingest_csv("pets.csv", "pets.hdf5", size=16), split="test")
    <ImageSet pets: 1 images of 1 classes>
    """
    path = Path(path)
    return OwnIngestion(path.parent, _listed(path), out, **options).start()


def _listed(path):
    """The samples of a CSV file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, skipinitialspace=True)
            columns = rows.fieldnames or []
            if not {"path", "label"} <= set(columns):
                raise ValueError(f"Expected {path} to have the columns path and label, received: {columns}")
            samples = [_sample(path, rows.line_num, row, "split" in columns) for row in rows]
    except FileNotFoundError:
        raise ValueError(f"Expected {path} to be a CSV file, received: no file there") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"Expected {path} to be a CSV file in UTF-8, received: {error}") from None
    if not samples:
        raise ValueError(f"Expected {path} to list pictures, received: a header alone")
    return samples


def _sample(path, line, row, has_split):
    source, label, split = (row.get(name) or "" for name in ("path", "label", "split"))
    if not (source and label):
        raise ValueError(f"Expected a path and a label in line {line} of {path}, received: {row}")
    if any(row.get(None, ())):  # a comma in a path shifts what follows
        raise ValueError(
            f"Expected as many values as columns in line {line} of {path}, received: {row[None]} too "
            "(a value with a comma belongs in quotes)"
        )
    if has_split and split not in ORDER:
        raise ValueError(
            f"Expected split to be one of {', '.join(ORDER)} in line {line} of {path}, received: {split!r}"
        )
    if "\\" in source and not (path.parent / source).is_file():
        source = PureWindowsPath(source).as_posix()
    return Sample(label, source, split)
