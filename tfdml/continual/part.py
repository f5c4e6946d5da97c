"""Samples of a task: arrays, or an image set that is read when it is needed."""

from dataclasses import dataclass

import numpy as np

from tfdml.data import ImageSet


@dataclass(frozen=True)
class Part:
    """Samples with labels, and what a model may want to know of each beside its picture.

    Attributes:
        x: Pictures or features, an array `(samples, ...)`; or an `ImageSet`.
        labels: Integers `(samples,)`, from 0.
        index: The slot of each sample among all training samples of a scenario, `(samples,)`.
        task: The number of the task of each sample, `(samples,)`.

    Example:

    >>> part = tfdml.continual.Part.of((np.zeros((3, 4)), [0, 1, 1]))
    >>> len(part), part.num_classes, part.subset([1, 2]).labels.tolist()
    (3, 2, [1, 1])
    """

    x: object
    labels: np.ndarray
    index: np.ndarray
    task: np.ndarray

    @classmethod
    def of(cls, samples):
        """A part from an `ImageSet`, or from `(x, labels)`."""
        if isinstance(samples, cls):
            return samples
        if isinstance(samples, ImageSet):
            x, labels = samples, samples.labels
        else:
            try:
                x, labels = samples
            except (TypeError, ValueError):
                raise ValueError(
                    f"Expected samples to be an ImageSet or (x, labels), received: {type(samples)}"
                ) from None
            x = np.atleast_1d(x)
        labels = np.asarray(labels)
        if labels.ndim != 1 or len(labels) != len(x) or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(
                f"Expected labels to be {len(x)} integers, received: {labels.dtype} {labels.shape}"
            )
        return cls(x, labels.astype("int64"), np.arange(len(labels)), np.zeros(len(labels), "int64"))

    def __len__(self):
        return len(self.labels)

    @property
    def num_classes(self):
        """Number of classes with at least one sample."""
        return len(np.unique(self.labels))

    @property
    def nbytes(self):
        """Bytes of the samples and their labels, as arrays."""
        if isinstance(self.x, ImageSet):
            return len(self) * int(np.prod(self.x.image_shape)) + self.labels.nbytes
        return self.x.nbytes + self.labels.nbytes

    def subset(self, indices):
        """The part of the samples at `indices`."""
        indices = np.asarray(indices, int)
        x = self.x.subset(indices) if isinstance(self.x, ImageSet) else self.x[indices]
        return Part(x, self.labels[indices], self.index[indices], self.task[indices])

    def array(self):
        """Pictures or features, as an array."""
        return self.x.images() if isinstance(self.x, ImageSet) else self.x

    def inputs(self):
        """What a model may take, by the names of its inputs: `image`, `index` and `task`."""
        x = self.array()
        image = x if np.issubdtype(x.dtype, np.floating) else x.astype("float32")
        return {"image": image, "index": self.index, "task": self.task}


def joined(parts):
    """The samples of several parts, one part after the other, as arrays."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    columns = [
        [p.array() for p in parts],
        *([getattr(p, n) for p in parts] for n in ("labels", "index", "task")),
    ]
    return Part(*(np.concatenate(column) for column in columns))
