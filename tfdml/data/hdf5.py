"""Image sets in HDF5 files, which are read as if a stranger had written them."""

import json
from pathlib import Path

import h5py
import numpy as np

from tfdml.data.image_set import ImageSet
from tfdml.data.stores import EncodedStore, cached

FORMAT, VERSION = "tfdml-images", 1
LARGEST_SIDE = 4096


def open_hdf5(path):
    """The image set of an HDF5 file, and the name of the split of each image.

    Returns:
        `(image_set, splits)`: an `ImageSet` of all images and a string array `(images,)`.

    Raises:
        ValueError: The file is no such HDF5 file, or contradicts itself; the message names it.
    """
    try:
        with h5py.File(path, "r") as file:
            return _read(file, path)
    except (OSError, KeyError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"Expected {path} to be an image set in HDF5, received: {error}") from None


def _read(file, path):
    def check(holds, expected, received):
        if not holds:
            raise ValueError(f"Expected {expected} in {path}, received: {received}")

    check(file.attrs.get("format") == FORMAT, f"format {FORMAT!r}", file.attrs.get("format"))
    check(file.attrs.get("format_version") == VERSION, f"version {VERSION}", file.attrs.get("format_version"))
    shape = tuple(int(n) for n in file.attrs["image_shape"])
    check(
        len(shape) == 3 and shape[2] == 3 and 0 < min(shape) <= max(shape) <= LARGEST_SIDE,
        "an image shape",
        shape,
    )

    def array(name, kinds, rank=1):
        item = file.get(name, getlink=True)
        check(isinstance(item, h5py.HardLink), f"{name} to be in the file itself", type(item).__name__)
        data = file[name]
        plain = isinstance(data, h5py.Dataset) and not data.external and not data.is_virtual
        check(plain, f"{name} to be a plain data set", data)
        check(data.dtype.kind in kinds and data.ndim == rank, f"{name} of rank {rank} and kind {kinds}", data)
        return data

    offsets, images = array("offsets", "i")[:], array("images", "u")
    targets, names = array("targets", "iu")[:], _strings(array("class_names", "S"))
    splits, split_names = array("splits", "u")[:], json.loads(file.attrs["split_names"])
    sources, source = _strings(array("artists", "S")), array("artist", "u")[:]

    count = len(targets)
    check(len(offsets) == count + 1, f"{count + 1} offsets", len(offsets))
    rising = offsets[0] == 0 and offsets[-1] == len(images) and (np.diff(offsets) > 0).all()
    check(rising, f"offsets that rise from 0 to {len(images)}", "others")
    for what, values, limit in (
        ("targets", targets, len(names)),
        ("splits", splits, len(split_names)),
        ("artist", source, len(sources)),
    ):
        inside = len(values) == count and (values >= 0).all() and (values < limit).all()
        check(inside, f"{count} {what} from 0 to {limit - 1}", values)

    store = cached(EncodedStore(Path(path), offsets, shape))
    image_set = ImageSet(store, targets, names, str(file.attrs["name"]), [sources[i] for i in source])
    return image_set, np.asarray(split_names)[splits]


def _strings(data):
    return [value.decode("utf-8") for value in data[:]]
