"""The image sets that can be asked for by name."""

from functools import cache
from pathlib import Path

import numpy as np

from tfdml.data.hdf5 import open_hdf5

_EMBEDDED = {"emoji": Path(__file__).parent / "emoji" / "emoji.hdf5"}
NAMES = tuple(_EMBEDDED)
SPLITS = {
    "train": ("train",),
    "validation": ("validation",),
    "trainval": ("train", "validation"),
    "test": ("test",),
    "all": ("train", "validation", "test"),
}


def load(name, split="train"):
    """An image set by name.

    Args:
        name: `"emoji"`: 64x64 pictures of emoji, one class a Unicode code point, one image an artist.
            Embedded in the package.
        split: `"train"`, `"validation"`, `"trainval"` (both), `"test"` or `"all"`. No class is in two of
            the first, the second and the fourth: a model is tested on classes that it never saw.
            Defaults to `"train"`.

    Returns:
        An `ImageSet`.

    Example:

    >>> tfdml.data.load("emoji", split="test").image_shape
    (64, 64, 3)
    """
    if name not in _EMBEDDED:
        raise ValueError(f"Expected name to be one of {', '.join(map(repr, NAMES))}, received: {name!r}")
    if split not in SPLITS:
        raise ValueError(f"Expected split to be one of {', '.join(map(repr, SPLITS))}, received: {split!r}")
    image_set, splits = _open(name)
    return image_set.subset(np.flatnonzero(np.isin(splits, SPLITS[split])))


@cache
def _open(name):
    return open_hdf5(_EMBEDDED[name])
