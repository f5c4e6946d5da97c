"""Stored examples of classes: what classifiers by neighbours share."""

import warnings

import keras
import numpy as np
from keras import ops

from tfdml.layers import center_copies
from tfdml.layers.center_answers import CenterAnswers
from tfdml.layers.center_checks import (
    check_embeddings,
    check_labels,
    check_range,
    check_slots,
    check_targets,
    known,
)
from tfdml.layers.center_store import CenterStore, uncoded_distances

SAMPLE = 256, 512  # least and most centers whose neighbours say what is usual
PRODUCTS = 2**22  # of such a center and another: more would take longer than to embed a set
USUAL = 0.95  # share of stored centers that have another one as near as is usual


class Centers(CenterAnswers, CenterStore):
    """Classifies by the centers that are stored: a subclass says in `shares` how much each neighbour counts.

    It goes before `keras.layers.Layer` among the bases of a layer.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._warned = ()

    def build(self, inputs_shape, index_shape=None):
        super().build(inputs_shape, index_shape)
        self.state("usual_square", ())

    def own_slots(self, index):
        """The slots of samples, -1 for none, and a mask of those that may be: a graph cannot refuse."""
        if index is None:
            self._warn(
                "index",
                f"{self.name} is trained without the index of samples: those that are stored are neighbours "
                "of themselves",
            )
            return None, None
        if (values := known(index)) is not None:
            check_range(values, -1, self.capacity)
        index = ops.reshape(ops.convert_to_tensor(index), (-1,))
        if "int" not in keras.backend.standardize_dtype(index.dtype):
            raise ValueError(f"Expected index to be integers, received: {index.dtype}")
        possible = (index >= -1) & (index < self.capacity)
        return ops.cast(ops.where(possible, index, -1), "int32"), possible

    def set_centers(self, embeddings, labels, index=None):
        """Stores embeddings and their classes, in place of all that was there.

        What is trained with a slot, such as its weight, stays with it where it was in use.

        Args:
            embeddings: `(samples, dim)`.
            labels: Integers `(samples,)`, from 0 to `num_classes - 1`. With soft targets also distributions
                `(samples, num_classes)`.
            index: Slots `(samples,)`, each once. Defaults to `None`: 0, 1, ...
        """
        self._check_built()
        embeddings = check_embeddings(embeddings, self.dim, self.capacity)
        classes = self._classes(labels, len(embeddings))
        index = np.arange(len(embeddings)) if index is None else index
        slots = check_slots(index, self.capacity, len(embeddings))
        new = slots[~self.array("active")[slots]]
        self.active.assign(np.zeros(self.capacity, bool))
        self.write(slots, active=True, **self.encoded(embeddings, fit=True), **classes)
        self.on_change(new, (slots, embeddings))
        self._warn_of_empty_classes()

    def add(self, embeddings, labels):
        """Stores further embeddings in slots that are free; the slots, as an array.

        Args:
            embeddings: `(samples, dim)`.
            labels: As in `set_centers`.
        """
        self._check_built()
        embeddings = check_embeddings(embeddings, self.dim, self.capacity)
        classes = self._classes(labels, len(embeddings))
        active = self.array("active")
        free = np.flatnonzero(~active)
        if len(embeddings) > len(free):
            raise ValueError(
                f"Expected at most {len(free)} embeddings, the slots that are free of a capacity of "
                f"{self.capacity}, received: {len(embeddings)}"
            )
        slots = free[: len(embeddings)]
        # Codes of the centers that are there stay what they are.
        self.write(slots, active=True, **self.encoded(embeddings, fit=not active.any()), **classes)
        self.on_change(slots, None if active.any() else (slots, embeddings))
        return slots

    def drop(self, index):
        """Frees slots, integers `(samples,)`, which are found no more."""
        self._check_built()
        self.write(check_slots(index, self.capacity), active=False)

    def set_targets(self, index, targets):
        """Gives centers other distributions over classes; for a layer with soft targets.

        Args:
            index: Slots `(samples,)`, each once.
            targets: `(samples, num_classes)`, of at least 0, each row with the sum 1.
        """
        self._check_built()
        if not self.soft_targets:
            raise ValueError(f"Expected {self.name} to have soft_targets, received: a layer with labels")
        slots = check_slots(index, self.capacity)
        self.write(slots, targets=check_targets(targets, len(slots), self.num_classes))

    def stored(self):
        """All centers as an array `(capacity, dim)`; those of a compressed layer are decoded."""
        return np.asarray(ops.convert_to_numpy(self.at(np.arange(self.capacity))))

    def on_change(self, new, given=None):
        """Called after centers were stored, of which those in the slots `new` were not in use before.

        `given`: slots and embeddings of all that are in use, before they were coded, if they are known."""
        chosen, self.sampled = self.sample(), None
        if len(chosen) > 1:
            centers = self.at(chosen)
            found = self.find(centers, exclude=chosen)
            distances, neighbors, valid = map(ops.convert_to_numpy, found)
            self.sampled = chosen, np.array(ops.convert_to_numpy(centers)), neighbors
            if self.compression is not None and given is not None:  # codes are nearer to one another
                distances, valid = uncoded_distances(chosen, *given, self.neighbors)
            if self.compression is None or given is not None or not self.array("usual_square"):
                self.measure(distances, valid)

    def sample(self):
        """Some of the slots in use, the same ones each time: 256 to 512 of them, or all if they are few."""
        active = np.flatnonzero(self.array("active"))
        size = min(len(active), int(np.clip(PRODUCTS // self.capacity, *SAMPLE)))
        return active[np.linspace(0, len(active) - 1, size).astype("int32")] if size else active

    def sampled_neighbors(self):
        """Neighbours of the sample, `(some, neighbors)`, found anew only where its centers are others.

        Weights that are read bring other centers, of which nobody tells the layer.
        """
        chosen = self.sample()
        if len(chosen) < 2:
            return None
        centers = ops.convert_to_numpy(self.at(chosen))
        if self.sampled is not None:
            slots, stored, neighbors = self.sampled
            if np.array_equal(slots, chosen) and np.array_equal(stored, centers):
                return neighbors
        return ops.convert_to_numpy(self.find(centers, exclude=chosen)[1])

    def measure(self, distances, valid):
        """Takes from the squared distances of stored centers to their neighbours what is usual."""
        usual = np.quantile(distances[valid[:, 0], 0].astype("float64"), USUAL)
        self.usual_square.assign(min(usual, 1e30))

    def resized(self, capacity=None, num_classes=None):
        """A new built layer with the same content, and room for more.

        Args:
            capacity: Integer, no fewer slots than before. Defaults to `None`: as before.
            num_classes: Integer, no fewer classes than before. Defaults to `None`: as before.
        """
        self._check_built()
        return center_copies.resized(self, capacity, num_classes)

    def compressed(self, bytes=16, dim=None):
        """A new built layer of the same content, that holds codes of a few bytes in place of the centers.

        Classes, weights, mask and bandwidth are the same. The codes are those of `tfdml.search.OPQ`, trained
        on the centers in use; their distances are looked up in tables, in graph. Rotation and codebooks take
        `4 · dim · (dim of embeddings + 256)` bytes beside them.

        Args:
            bytes: Integer from 1 to the dimension of embeddings: bytes a center. Defaults to `16`.
            dim: A multiple of `bytes`: directions that are coded. Defaults to `None`: see `OPQ`.
        """
        self._check_built()
        return center_copies.compressed(self, bytes, dim)

    def _classes(self, labels, count):
        if self.soft_targets:
            return {"targets": check_targets(labels, count, self.num_classes)}
        return {"labels": check_labels(labels, count, self.num_classes)}

    def _check_built(self):
        if not self.built:
            raise ValueError(f"Expected {self.name} to be built, received: a layer that was never called")

    def _warn_of_empty_classes(self):
        labels = np.asarray(ops.convert_to_numpy(self.labels_at(np.arange(self.capacity))))
        if self.soft_targets:
            has = (self.array("targets")[self.array("active")] > 0).any(axis=0)
            empty = np.flatnonzero(~has)
        else:
            empty = np.setdiff1d(np.arange(self.num_classes), labels[self.array("active")])
        if len(empty):
            names = ", ".join(map(str, empty[:10])) + (", ..." if len(empty) > 10 else "")
            self._warn(
                "classes",
                f"{self.name} has no center of {len(empty)} of {self.num_classes} classes, whose probability "
                f"is zero: {names}",
            )

    def _warn(self, of, text):
        if of not in self._warned:
            self._warned = (*self._warned, of)
            warnings.warn(text, stacklevel=4)
