"""Image sets in HDF5 files: those of an ingestion, the embedded one, and those that Fuel can read."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfdml.data.checked_hdf5 import LARGEST_SIDE, opened
from tfdml.data.fuel import read_splits
from tfdml.data.image_file import ENCODINGS, FORMAT, NO_SPLIT, VERSION
from tfdml.data.image_set import ImageSet
from tfdml.data.pictures import FITS
from tfdml.data.stores import EncodedStore, RawStore, cached

# What stands for several parts, where a file has no part of that name.
TOGETHER = {"trainval": ("train", "validation"), "test": ("query", "gallery")}
WAYS = ("retrieval", "classification")


@dataclass(frozen=True)
class StoredSet:
    """All images of a file, and which rows are in which part.

    Attributes:
        image_set: An `ImageSet` of all images.
        retrieval: `{name: rows}` of the split that keeps classes apart.
        classification: `{name: rows}` of the split for classification; empty where the set has none.
        class_ids: The id that the publishers gave each class.
        fit: How pictures became squares: `"crop"`, `"pad"` or `"stretch"`.
    """

    image_set: ImageSet
    retrieval: dict[str, np.ndarray]
    classification: dict[str, np.ndarray]
    class_ids: list[str]
    fit: str = "crop"

    @property
    def digest(self):
        """A text that is another one where the labels, sources or parts are."""
        image_set = self.image_set
        content = hashlib.sha256(image_set.labels.tobytes())
        content.update(json.dumps([image_set.class_names, image_set.sources, image_set.image_shape]).encode())
        for name, rows in {**self.retrieval, **self.classification}.items():
            content.update(name.encode() + rows.tobytes())
        return content.hexdigest()

    def part(self, split="all", by="retrieval"):
        """The `ImageSet` of one part.

        Raises:
            ValueError: The file has no such part.
        """
        if by not in WAYS:
            raise ValueError(f"Expected by to be one of {', '.join(map(repr, WAYS))}, received: {by!r}")
        if split == "all":
            return self.image_set
        parts = getattr(self, by)
        names = (split,) if split in parts else TOGETHER.get(split, ())
        rows = [parts[name] for name in names if name in parts]
        if not rows:
            known = [*parts, "all"]
            raise ValueError(
                f"Expected split to be one of {', '.join(map(repr, known))}, received: {split!r}"
            )
        return self.image_set.subset(np.sort(np.concatenate(rows)))


def from_hdf5(path, split="all", by="retrieval"):
    """An image set in an HDF5 file: one that `tfdml ingest` wrote, or one in the layout of Fuel.

    The pixels are read when they are needed; sets that take 1 GB or less stay in memory once they were read.

    Args:
        path: Path of the file.
        split: `"train"`, `"test"` or another part that the file has; `"trainval"` for `"train"` and
            `"validation"` together, `"test"` for `"query"` and `"gallery"`. Defaults to `"all"`.
        by: `"retrieval"` (classes are kept apart) or `"classification"` (images of every class in each
            part), where the file has both. Defaults to `"retrieval"`.

    Returns:
        An `ImageSet`.

    Raises:
        ValueError: The file is none of these, contradicts itself, or has no such part; the message names it.

    Example:

    >>> import cv2
    >>> for name in ("cats", "dogs"):
    ...     Path("pets", name).mkdir(parents=True)
    ...     _ = cv2.imwrite(f"pets/{name}/1.png", np.zeros((20, 30, 3), "uint8"))
    >>> path = tfdml.data.ingest_folder("pets", "pets.hdf5", size=16)
    >>> tfdml.data.from_hdf5(path)
    <ImageSet pets: 2 images of 2 classes>
    """
    return open_hdf5(path).part(split, by)


def open_hdf5(path):
    """The `StoredSet` of an HDF5 file.

    Raises:
        ValueError: The file is no such HDF5 file, or contradicts itself; the message names it.
    """
    path = Path(path)
    with opened(path) as file:
        if "format" not in file.attributes and "split" in file.attributes:
            return _read_fuel(file)
        file.check(file.text("format") == FORMAT, f"format {FORMAT!r}", file.text("format"))
        version = file.attributes.get("format_version")
        readers = {1: _read_first, VERSION: _read}
        file.check(version in (1, VERSION), f"version 1 or {VERSION}", version)
        return readers[int(version)](file)


def _read(file):
    """Version 2: what an ingestion writes."""
    shape, encoding = file.image_shape(), file.text("encoding")
    file.check(encoding in ENCODINGS, f"encoding to be one of {', '.join(ENCODINGS)}", encoding)
    names, ids = file.texts("class_names"), file.texts("class_ids")
    file.check(len(ids) == len(names), f"{len(names)} class_ids", len(ids))
    count = len(file.data("targets", "i", rank=2))
    labels = file.places("targets", "i", count, len(names), rank=2)
    sources = file.texts("sources", count)
    if encoding == "raw":
        first = file.text("channels") == "first"
        images = file.data("images", "u", rank=4, rows=count)
        stored = (shape[2], *shape[:2]) if first else shape
        file.check(images.dtype == np.uint8 and images.shape[1:] == stored, f"images {stored}", images.shape)
        store = RawStore(file.path, "images", (count, *shape), first)
    else:
        store = EncodedStore(file.path, _offsets(file, count), shape)
    image_set = ImageSet(cached(store), labels, names, file.text("name"), sources)
    splits = read_splits(file.file, "targets", count)
    return StoredSet(image_set, splits, _classification(file, count), ids, _fit(file))


def _read_first(file):
    """Version 1: the embedded set."""
    shape = file.image_shape()
    names, artists = file.texts("class_names"), file.texts("artists")
    count = len(file.data("targets", "iu"))
    labels = file.places("targets", "iu", count, len(names))
    split_names = file.names(file.file, "split_names")
    splits = file.places("splits", "u", count, len(split_names))
    sources = [artists[place] for place in file.places("artist", "u", count, len(artists))]
    store = EncodedStore(file.path, _offsets(file, count), shape)
    image_set = ImageSet(cached(store), labels, names, file.text("name"), sources)
    parts = {name: np.flatnonzero(splits == place) for place, name in enumerate(split_names)}
    return StoredSet(image_set, parts, {}, [str(place) for place in range(len(names))])


def _read_fuel(file):
    """What the first converters wrote: RGB pixels, labels that begin anywhere, and Fuel's splits."""
    images = file.data("images", "u", rank=4)
    count, sides = len(images), images.shape[1:]
    first = sides[0] == 3
    shape = (*sides[1:], 3) if first else sides
    right = images.dtype == np.uint8 and shape[2] == 3 and 0 < min(shape) <= max(shape) <= LARGEST_SIDE
    file.check(right, "images to be uint8 (images, 3, height, width)", f"{images.dtype} {images.shape}")
    rank = 2 if getattr(file.file["targets"], "ndim", 1) == 2 else 1
    targets = file.array("targets", "iu", rank, count)
    file.check(targets.size == count, f"{count} targets", targets.shape)
    ids, labels = np.unique(targets.reshape(-1), return_inverse=True)
    names = [str(value) for value in ids]
    sources = [f"{file.path.name}/{row}" for row in range(count)]
    store = RawStore(file.path, "images", (count, *shape), first)
    image_set = ImageSet(cached(store), labels, names, file.path.stem, sources)
    return StoredSet(image_set, read_splits(file.file, "images", count), {}, names, "stretch")


def _offsets(file, count):
    """Where each encoded picture begins and the last ends."""
    offsets, images = file.array("offsets", "i", rows=count + 1).astype("int64"), file.data("images", "u")
    file.check(images.dtype == np.uint8, "images to be bytes", images.dtype)
    rising = offsets[0] == 0 and offsets[-1] == len(images) and (np.diff(offsets) > 0).all()
    file.check(rising, f"offsets that rise from 0 to {len(images)}", "others")
    return offsets


def _fit(file):
    """What the recipe of the ingestion says."""
    recipe = json.loads(file.text("recipe"))
    fit = recipe.get("fit") if isinstance(recipe, dict) else None
    file.check(fit in FITS, f"fit to be one of {', '.join(FITS)}", repr(fit)[:100])
    return fit


def _classification(file, count):
    if "classification_split" not in file.file:
        return {}
    values = file.places("classification_split", "u", count, NO_SPLIT + 1)
    names = file.names(file.file["classification_split"], "names")
    known = (values < len(names)) | (values == NO_SPLIT)
    file.check(known.all(), f"classification_split below {len(names)}", values[~known][:5])
    return {name: np.flatnonzero(values == place) for place, name in enumerate(names)}
