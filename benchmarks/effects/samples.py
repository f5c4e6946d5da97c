"""Samples for classifiers: parts by who drew them, and features of a frozen network."""

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np

from tfdml import data, models
from tfdml.data.locations import data_dir
from tfdml.files import written_whole


@dataclass(frozen=True)
class Samples:
    """Pictures `(samples, size, size, 3)` or features `(samples, dim)`, and labels from 0."""

    x: np.ndarray
    labels: np.ndarray

    @property
    def num_classes(self):
        """Number of classes."""
        return int(self.labels.max()) + 1


def whole_set(name, path):
    """Pictures, labels and sources of a whole image set: by its name, or in an .npz file."""
    if path is not None:
        with np.load(path, allow_pickle=False) as arrays:
            images, labels, sources = (arrays[key] for key in ("images", "labels", "source"))
        images = images[..., None] if images.ndim == 3 else images
        images = np.repeat(images, 3, axis=3) if images.shape[3] == 1 else images
        return images, labels.astype("int64"), sources
    parts = [data.load(name, part) for part in ("train", "validation", "test")]
    images = np.concatenate([part.images() for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    return images, labels, np.concatenate([np.asarray(part.sources) for part in parts])


def of_held_out_sources(labels, sources, per_class, seed):
    """Places of training, validation and test samples, which share their classes and no source.

    Three tenths of the sources are to test on, and one tenth for validation, at least one of each. Classes
    that have a sample of every source are used. Of each class `per_class` samples are to train on.
    """
    rng = np.random.default_rng(seed)
    names, place = np.unique(sources, return_inverse=True)
    table = np.full((labels.max() + 1, len(names)), -1)
    table[labels, place] = np.arange(len(labels))
    table = table[(table >= 0).all(axis=1)]
    order = rng.permutation(len(names))
    test, validation = max(1, 3 * len(names) // 10), max(1, len(names) // 10)
    rest = order[test + validation :]
    if per_class > len(rest):
        raise ValueError(f"Expected per_class to be at most {len(rest)}, received: {per_class}")
    train = np.stack([rng.permutation(rest)[:per_class] for _ in table])
    columns = (
        train,
        np.tile(order[test : test + validation], (len(table), 1)),
        np.tile(order[:test], (len(table), 1)),
    )
    return [np.take_along_axis(table, chosen, axis=1).ravel() for chosen in columns]


def resized(images, size):
    """Pictures of `size`."""
    if images.shape[1] == size:
        return images
    method = cv2.INTER_AREA if images.shape[1] > size else cv2.INTER_CUBIC
    return np.stack([cv2.resize(image, (size, size), interpolation=method) for image in images])


def features(images, size):
    """Pooled features `(images, 1280)` of EfficientNet-Lite0 at `size` pixels, kept for the next time."""
    digest = hashlib.sha256(images.tobytes() + str(size).encode()).hexdigest()[:16]
    path = data_dir() / "effects" / f"lite0-{digest}.npy"
    if not path.is_file():
        backbone = models.backbone("efficientnet_lite0", "imagenet", size)
        network = models.embedding_model(backbone, None, normalize=False, image_size=size)
        parts = np.array_split(images, max(1, len(images) // 128))
        found = np.concatenate([network.predict_on_batch(resized(p, size).astype("float32")) for p in parts])
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as part, part.open("wb") as file:
            np.save(file, found)
    return np.load(path)
