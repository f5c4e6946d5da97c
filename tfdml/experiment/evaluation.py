"""How good a model is on the images that were held out, beside what needs no training."""

from dataclasses import dataclass

import cv2
import numpy as np

from tfdml import metrics, search
from tfdml.data import ImageSet

PIXELS = 16  # side of the pictures that are compared as they are


@dataclass(frozen=True)
class Trial:
    """Queries and what they are searched among: each other, or a gallery."""

    queries: ImageSet
    gallery: ImageSet | None

    @classmethod
    def of(cls, splits, part="test"):
        """A part and what it is searched among: its gallery, itself where its classes were held out, or
        what was trained on."""
        queries = getattr(splits, part)
        if part == "test" and splits.gallery is not None:
            return cls(queries, splits.gallery)
        if splits.by == "classes":
            return cls(queries, None)
        # Validation images may be trained on, but no image may find itself.
        others = np.isin(splits.train.rows, queries.rows, invert=True)
        return cls(queries, splits.train.subset(np.flatnonzero(others)))

    @property
    def possible(self):
        """Whether any query has something to be found."""
        labels = self.queries.labels
        if self.gallery is not None:
            return bool(np.isin(labels, self.gallery.labels).any())
        return bool(len(labels) and np.bincount(labels).max() > 1)


@dataclass(frozen=True)
class Embedded:
    """A trial's embeddings: of the queries, and of the gallery if there is one."""

    trial: Trial
    queries: np.ndarray
    gallery: np.ndarray | None

    def figures(self, recall_at):
        """Retrieval and clustering figures, a dictionary of numbers."""
        trial = self.trial
        found = () if trial.gallery is None else (self.gallery, trial.gallery.labels)
        labels = trial.queries.labels
        figures = metrics.retrieval(self.queries, labels, *found, recall_at=recall_at)
        if np.bincount(labels).max() < 2:  # as many clusters as pictures, which are always right
            return figures
        return {**figures, **metrics.clustering(self.queries, labels)}

    def threshold(self, far=0.001):
        """The distance that no more than this share of the pairs of two classes stay within, and its figures.

        The dictionary of `tfdml.metrics.calibrate_threshold`; `None` where no distance tells pairs apart, or
        there are none of one class or of two.
        """
        trial = self.trial
        found = () if trial.gallery is None else (self.gallery, trial.gallery.labels)
        labels = np.concatenate([trial.queries.labels, *found[1:]])
        if not trial.possible or len(np.unique(labels)) < 2:
            return None
        calibrated = metrics.calibrate_threshold(self.queries, trial.queries.labels, *found, at=far)
        return calibrated if np.isfinite(calibrated["threshold"]) else None

    def neighbors(self, k):
        """Distances and places of the `k` nearest to each query, `(queries, k)`; never the query itself."""
        if self.gallery is not None:
            return search.Exact().build(self.gallery).query(self.queries, k)
        itself = np.arange(len(self.queries))
        return search.Exact().build(self.queries).query(self.queries, k, exclude=itself)


def embed_trial(trial, embed):
    """`Embedded`, by a function from an image set to its embeddings."""
    return Embedded(trial, embed(trial.queries), None if trial.gallery is None else embed(trial.gallery))


def embed_with(model, batch_size=128):
    """A function from an image set to the embeddings that a model gives it."""
    size = model.input_shape[1]

    def embed(image_set):
        batches = image_set.ordered_batches(batch_size, image_size=size, index=False)
        return metrics.embed(model, batches)[0]

    return embed


def embed_pixels(image_set):
    """The pictures themselves, made small: what any network has to be better than."""
    small = [
        cv2.resize(picture, (PIXELS, PIXELS), interpolation=cv2.INTER_AREA)
        for start in range(0, len(image_set), 1024)
        for picture in image_set.images(np.arange(start, min(start + 1024, len(image_set))))
    ]
    return np.reshape(small, (len(image_set), -1)).astype("float32") / 255
