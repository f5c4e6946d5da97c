"""Image sets for experiments: by name or from an .npz file, at one size, in memory, in three parts."""

from dataclasses import dataclass

import cv2
import numpy as np

from tfdml import data

VALIDATION = 0.15  # of the classes to train on, where a set has no validation part of its own


@dataclass(frozen=True)
class Parts:
    """Three image sets that share no class, their labels counted from 0."""

    train: data.ImageSet
    validation: data.ImageSet
    test: data.ImageSet


def load(name, path=None, size=32):
    """The `Parts` of an image set.

    Args:
        name: Name in tfdml's catalogue, or any name if there is a `path`.
        path: `.npz` file with `images` uint8 `(images, height, width[, channels])` and `labels`; the first
            half of its classes is to train on, the rest to test on. Defaults to `None`.
        size: Side of the pictures in pixels.
    """
    if path is None:
        whole = {part: data.load(name, part) for part in ("train", "test")}
        try:
            whole["validation"] = data.load(name, "validation")
        except ValueError:
            whole["train"], whole["validation"] = _apart(whole["train"])
    else:
        with np.load(path, allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["labels"]
        pictures = data.from_arrays(_rgb(images), labels.astype("int64"), name=name)
        half = pictures.num_classes // 2
        train, test = (pictures.subset(np.flatnonzero(side)) for side in (labels < half, labels >= half))
        train, validation = _apart(train)
        whole = {"train": train, "validation": validation, "test": test}
    return Parts(**{part: _small(image_set, size) for part, image_set in whole.items()})


def _apart(train):
    """Some classes of the training part for validation, always the same."""
    held = data.hold_out(train, VALIDATION, 0, "classes", seed=0)
    return held.train, held.test


def _rgb(images):
    images = images[..., None] if images.ndim == 3 else images
    return np.repeat(images, 3, axis=3) if images.shape[3] == 1 else images


def _small(image_set, size):
    pictures = image_set.images()
    if pictures.shape[1:3] != (size, size):
        pictures = np.stack([cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA) for p in pictures])
    labels = np.unique(image_set.labels, return_inverse=True)[1]
    return data.from_arrays(pictures, labels, name=image_set.name)
