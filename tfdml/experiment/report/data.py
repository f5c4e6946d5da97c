"""What a report tells of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportData:
    """Everything that the report of a run shows, as plain values.

    The test images are the queries. Without a gallery they search among themselves; with one
    (`gallery_images` and `gallery_labels`) they search there.

    Attributes:
        title: Heading of the report.
        images: Function from indices to test images, RGB uint8 `(len(indices), height, width, 3)`.
        labels: Classes of the test images, integers `(n,)`.
        class_names: Names of all classes.
        embeddings: Embeddings of the test images, finite floats `(n, dim)`.
        neighbors: Indices of each test image's nearest neighbours, closest first, `(n, k)`; -1 is none.
            Places in the gallery if there is one, otherwise in the test images, never of the image itself.
        results: Figures by model, `{"trained": {"recall@1": 0.69, ...}, "untrained": {...}, ...}`. The
            first is what the report is about, the others stand beside it.
        distances: Distances to the neighbours, `(n, k)`. Defaults to `None` (not shown).
        gallery_images: As `images`, for the gallery. Defaults to `None`.
        gallery_labels: Classes of the gallery's images, integers `(m,)`. Defaults to `None`.
        history: A row for each epoch, as in `metrics.csv`: `{"epoch": 1, "loss": 2.3, "val_recall@1": ...}`;
            what is None, empty or not a number was not measured. Defaults to none.
        facts: Pairs of name and value that stand at the top. Defaults to none.
        protocol: A sentence or two on how the figures were measured. Defaults to none.
        recipe: The recipe as YAML. Defaults to none.
        versions: Package versions by name. Defaults to none.
        notes: Sentences that the reader should not miss ("3 pictures were skipped"). Defaults to none.
        seed: Integer that draws the examples and the map. Defaults to `0`.
    """

    title: str
    images: Callable[[np.ndarray], np.ndarray]
    labels: np.ndarray
    class_names: Sequence[str]
    embeddings: np.ndarray
    neighbors: np.ndarray
    results: Mapping[str, Mapping[str, float]]
    distances: np.ndarray | None = None
    gallery_images: Callable[[np.ndarray], np.ndarray] | None = None
    gallery_labels: np.ndarray | None = None
    history: Sequence[Mapping[str, object]] = ()
    facts: Sequence[tuple[str, object]] = ()
    protocol: str = ""
    recipe: str = ""
    versions: Mapping[str, str] | Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    seed: int = 0

    def __post_init__(self):
        for name in ("labels", "embeddings", "neighbors", "distances", "gallery_labels"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, np.asarray(getattr(self, name)))
        n = len(self.labels)
        _expect(self.labels.ndim == 1 and n, "labels to be integers (n,) with n above 0", self.labels.shape)
        _expect(
            self.embeddings.ndim == 2 and len(self.embeddings) == n and np.isfinite(self.embeddings).all(),
            f"embeddings to be finite and ({n}, dim)",
            self.embeddings.shape,
        )
        _expect(
            self.neighbors.ndim == 2 and len(self.neighbors) == n,
            f"neighbors to be ({n}, k)",
            self.neighbors.shape,
        )
        _expect(
            self.distances is None or self.distances.shape == self.neighbors.shape,
            f"distances to be {self.neighbors.shape}",
            getattr(self.distances, "shape", None),
        )
        _expect(
            (self.gallery_images is None) == (self.gallery_labels is None),
            "gallery_images and gallery_labels to be given together",
            "one of them",
        )
        high = max(self.labels.max(), self.found_labels.max(initial=-1))
        _expect(high < len(self.class_names), f"class_names to have {high + 1} names", len(self.class_names))
        low, high = self.neighbors.min(initial=0), self.neighbors.max(initial=-1)
        _expect(
            low >= -1 and high < len(self.found_labels),
            f"neighbors to be indices below {len(self.found_labels)}, or -1",
            f"{low} to {high}",
        )
        _expect(len(self.results), "results to have the figures of one model or more", self.results)

    @property
    def has_gallery(self):
        return self.gallery_labels is not None

    @property
    def found_labels(self):
        """Classes of the images that neighbours are chosen from."""
        return self.labels if self.gallery_labels is None else self.gallery_labels

    def found_images(self, indices):
        """Pictures of the set that neighbours are chosen from."""
        read = self.images if self.gallery_images is None else self.gallery_images
        return read(np.asarray(indices, int))

    @property
    def neighbor_labels(self):
        """Classes of the neighbours `(n, k)`; -1 is none."""
        return np.where(self.neighbors < 0, -1, self.found_labels[self.neighbors])

    @property
    def relevant(self):
        """How many images of its own class each test image can find `(n,)`."""
        counts = np.bincount(self.found_labels, minlength=len(self.class_names))[self.labels]
        return counts - (0 if self.has_gallery else 1)

    def name(self, label):
        return str(self.class_names[int(label)])


def _expect(holds, wanted, received):
    if not holds:
        raise ValueError(f"Expected {wanted}, received: {received}")
