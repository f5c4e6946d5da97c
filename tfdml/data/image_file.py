"""Writing the HDF5 file of an image set: everything but its pixels, for which it leaves the place."""

import json
from dataclasses import dataclass, field

import h5py
import numpy as np

from tfdml.data.fuel import split_array
from tfdml.version import __version__

FORMAT, VERSION = "tfdml-images", 2
SUFFIXES = (".hdf5", ".h5")  # by which `tfdml train` tells a file from a folder
ENCODINGS = ("raw", "jpeg", "png")
NO_SPLIT = 255  # of an image that is in no part of the classification split


@dataclass(frozen=True)
class Contents:
    """What a file of an image set holds, beside the pixels.

    Attributes:
        name: Name of the set.
        image_shape: `(height, width, 3)`.
        targets: Class of each image, integers `(images,)`.
        class_names, class_ids: Of each class: its name, and the id that its publishers gave it.
        sources: Where each image comes from.
        splits: `{name: (start, stop)}`: the rows of each retrieval split.
        classification: Split of each image for classification, empty strings for none.
        encoding: `"raw"` pixels, or whole `"jpeg"` or `"png"` files one after another.
        sizes: Bytes of each encoded picture, `(images,)`; of no use for raw pixels.
        channels_first: Whether raw pixels are stored `(3, height, width)`.
        fuel: Whether to write nothing but what the first converters wrote.
        attributes: More attributes, strings.
    """

    name: str
    image_shape: tuple[int, int, int]
    targets: np.ndarray
    class_names: list[str]
    class_ids: list[str]
    sources: list[str]
    splits: dict[str, tuple[int, int]]
    classification: list[str]
    encoding: str = "raw"
    sizes: np.ndarray | None = None
    channels_first: bool = False
    fuel: bool = False
    attributes: dict[str, str] = field(default_factory=dict)


def create_image_file(path, contents):
    """Writes the file, the same bytes for the same contents.

    Returns:
        `(images, digest)`: where in the file the pictures and the 32 bytes of the content hash go. The
        second is `None` in a file of Fuel's layout, which has no hash.
    """
    count = len(contents.targets)
    with h5py.File(path, "w") as file:
        targets = file.create_dataset("targets", data=contents.targets.astype("int32")[:, None])
        _label(targets, "batch", "class_labels")
        sources, digest = ["targets"], None
        if not contents.fuel:
            sources += _describe(file, contents)
            digest = _place(file, "content_sha256", (32,))
        if contents.encoding == "raw":
            height, width, channels = contents.image_shape
            if contents.channels_first:
                shape, labels = (count, channels, height, width), ("batch", "channel", "height", "width")
            else:
                shape, labels = (count, height, width, channels), ("batch", "height", "width", "channel")
            sources.append("images")
        else:
            file["offsets"] = np.cumsum([0, *contents.sizes], dtype="int64")
            shape, labels = (int(np.sum(contents.sizes)),), ("byte",)
        images = _place(file, "images", shape)
        _label(images, *labels)
        file.attrs["split"] = split_array(contents.splits, sources)
        return images.id.get_offset(), None if digest is None else digest.id.get_offset()


def _describe(file, contents):
    """What Fuel has not; names of those data sets that have a row an image."""
    file.attrs.update(format=FORMAT, format_version=VERSION, name=contents.name)
    file.attrs.update(image_shape=contents.image_shape, encoding=contents.encoding)
    file.attrs["channels"] = "first" if contents.channels_first else "last"
    file.attrs.update(contents.attributes, made_with=f"tfdml {__version__}")
    file["class_names"], file["class_ids"] = _bytes(contents.class_names), _bytes(contents.class_ids)
    file["sources"] = _bytes(contents.sources)
    per_image = ["sources"]
    if any(contents.classification):
        names = sorted(set(contents.classification) - {""})
        places = {name: place for place, name in enumerate(names)} | {"": NO_SPLIT}
        file["classification_split"] = np.array([places[name] for name in contents.classification], "uint8")
        file["classification_split"].attrs["names"] = json.dumps(names)
        per_image.append("classification_split")
    for name in per_image:
        _label(file[name], "batch")
    return per_image


def _place(file, name, shape):
    """A data set in one piece, whose place in the file is known before anything is written to it."""
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    how.set_fill_time(h5py.h5d.FILL_TIME_NEVER)  # it will be written over
    how.set_layout(h5py.h5d.CONTIGUOUS)
    how.set_obj_track_times(False)  # the same bytes at any time
    space = h5py.h5s.create_simple(shape)
    return h5py.Dataset(h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_UINT8, space, how))


def _bytes(texts):
    """Texts as an array of UTF-8; what is no text in a file's name is written as far as it can be."""
    return np.array([text.encode("utf-8", "replace") or b"?" for text in texts])


def _label(data, *names):
    for dimension, name in zip(data.dims, names, strict=True):
        dimension.label = name
