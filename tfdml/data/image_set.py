"""The image set: labelled pictures that are read when they are needed."""

import numpy as np

from tfdml.data import streams
from tfdml.data.stores import ArrayStore


class ImageSet:
    """Pictures with labels and class names, read lazily, and the batches they give.

    Made by `tfdml.data.load`, `tfdml.data.from_folder` or `tfdml.data.from_arrays`.

    Attributes:
        labels: Class of each image, int64 `(images,)`: its place in `class_names`.
        class_names: Names of all classes, also of those that a subset has no image of.
        image_shape: `(height, width, 3)` of every image.
        name: Name of the set.
        sources: Where each image comes from (an artist, a path), a list of `(images,)` strings.

    Example:

    >>> emoji = tfdml.data.load("emoji", split="test")
    >>> emoji.images([0, 1]).shape
    (2, 64, 64, 3)
    """

    def __init__(self, store, labels, class_names, name, sources, rows=None):
        self.store, self.name, self.class_names = store, name, list(class_names)
        self.rows = np.arange(len(labels)) if rows is None else rows
        self.labels, self.sources = np.asarray(labels, "int64"), list(sources)

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        return f"<ImageSet {self.name}: {len(self)} images of {self.num_classes} classes>"

    @property
    def image_shape(self):
        return tuple(self.store.shape[1:])

    @property
    def num_classes(self):
        """Number of classes with at least one image."""
        return len(np.unique(self.labels))

    def images(self, indices=None):
        """Pixels `(len(indices), height, width, 3)`, RGB uint8; of the whole set without `indices`."""
        rows = self.rows if indices is None else self.rows[np.asarray(indices, int)]
        return self.store.read(rows)

    def subset(self, indices, name=None):
        """The set of the images at `indices`, which are numbered anew from 0; the pixels are shared."""
        indices = np.asarray(indices, int)
        return ImageSet(
            self.store,
            self.labels[indices],
            self.class_names,
            name or self.name,
            [self.sources[i] for i in indices],
            self.rows[indices],
        )

    def balanced_batches(self, classes_per_batch, images_per_class, **options):
        """Batches for training: see `tfdml.data.balanced_batches`."""
        return streams.balanced_batches(self, classes_per_batch, images_per_class, **options)

    def shuffled_batches(self, batch_size=128, **options):
        """Every image once an epoch, in random order: see `tfdml.data.shuffled_batches`."""
        return streams.shuffled_batches(self, batch_size, **options)

    def ordered_batches(self, batch_size=128, **options):
        """Every image once, in order, for evaluation: see `tfdml.data.ordered_batches`."""
        return streams.ordered_batches(self, batch_size, **options)


def from_arrays(images, labels, class_names=None, name="arrays"):
    """An image set of pictures in memory.

    Args:
        images: RGB uint8, `(images, height, width, 3)`.
        labels: Integers from 0, `(images,)`.
        class_names: Names of the classes. Defaults to the numbers.
        name: Name of the set.

    Example:

    >>> digits = tfdml.data.from_arrays(np.zeros((6, 8, 8, 3), "uint8"), [0, 0, 0, 1, 1, 1])
    >>> digits.num_classes
    2
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise ValueError(
            f"Expected images to be uint8 (images, height, width, 3), received: {images.dtype} {images.shape}"
        )
    if (
        labels.shape != images.shape[:1]
        or not np.issubdtype(labels.dtype, np.integer)
        or labels.min(initial=0) < 0
    ):
        raise ValueError(
            f"Expected labels to be {len(images)} integers from 0, received: {labels.dtype} {labels.shape}"
        )
    if class_names is None:
        class_names = [str(c) for c in range(labels.max(initial=-1) + 1)]
    if labels.max(initial=-1) >= len(class_names):
        raise ValueError(
            f"Expected class_names to have {labels.max() + 1} names, received: {len(class_names)}"
        )
    return ImageSet(ArrayStore(images), labels, class_names, name, [str(i) for i in range(len(labels))])
