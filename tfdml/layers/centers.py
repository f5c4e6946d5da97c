"""Stored examples of classes: what classifiers by neighbours share."""

import warnings
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from tfdml.losses.arguments import check_count
from tfdml.ops import at_least_float32
from tfdml.search import nearest_neighbors


class Votes(NamedTuple):
    """The neighbours of each query and what they have to say, arrays `(queries, neighbors)`, nearest first.

    Attributes:
        indices: Slots of the neighbours; -1 where fewer centers are stored.
        labels: Their classes; -1 where there is none.
        shares: Their shares of the vote; a row sums to 1.
        distances: Their distances, Euclidean.
    """

    indices: np.ndarray
    labels: np.ndarray
    shares: np.ndarray
    distances: np.ndarray


class Centers(keras.layers.Layer):
    """A fixed number of slots for embeddings with their classes, of which some are in use.

    A subclass says in `vote_logits` how much each neighbour counts.

    Args:
        num_classes: Integer from 1: classes there is room for. Those without a center have probability 0.
        capacity: Integer from 1: slots. In training sample *i* has slot *i*.
        neighbors: Integer from 1: neighbours that vote; cut to the number of slots.
        tile: Integer from 1: slots that are compared at a time.
    """

    trains_centers = False

    def __init__(self, num_classes, capacity, neighbors, tile=8192, **kwargs):
        super().__init__(autocast=False, **kwargs)  # a policy of bfloat16 must not round the embeddings
        self.num_classes = check_count("num_classes", num_classes)
        self.capacity = check_count("capacity", capacity)
        self.neighbors = check_count("neighbors", neighbors)
        self.tile = check_count("tile", tile)
        self._warned = False

    def build(self, inputs_shape, index_shape=None):
        if len(inputs_shape) != 2 or inputs_shape[-1] is None:
            raise ValueError(f"Expected embeddings to be of shape (batch, dim), received: {inputs_shape}")
        self.dim = inputs_shape[-1]
        dtype = keras.backend.result_type(self.variable_dtype, "float32")
        shape = (self.capacity, self.dim)
        self.centers = self.state("centers", shape, dtype, trainable=self.trains_centers)
        self.labels = self.state("labels", (self.capacity,), "int32")
        self.active = self.state("active", (self.capacity,), "bool")

    def state(self, name, shape, dtype, trainable=False, initializer="zeros"):
        """A variable of the layer."""
        # Under tf.distribute all replicas hold the same, so that any of them will do.
        aggregation = None if trainable else "only_first_replica"
        return self.add_weight(
            name=name,
            shape=shape,
            dtype=dtype,
            initializer=initializer,
            trainable=trainable,
            autocast=False,
            aggregation=aggregation,
        )

    def compute_output_shape(self, inputs_shape, index_shape=None):
        return (inputs_shape[0], self.num_classes)

    def find(self, embeddings, exclude=None):
        """Squared distances, slots and a mask of those that exist, each `(batch, neighbors)`."""
        distances, indices = nearest_neighbors(
            embeddings,
            self.centers,
            self.neighbors,
            distance="squared_euclidean",
            exclude=exclude,
            active=self.active,
            tile=self.tile,
        )
        valid = indices >= 0
        return ops.where(valid, distances, 0), ops.where(valid, indices, 0), valid

    def set_centers(self, embeddings, labels, index=None):
        """Stores embeddings and their classes, in place of all that was there.

        Args:
            embeddings: `(samples, dim)`.
            labels: Integers `(samples,)`, from 0 to `num_classes - 1`.
            index: Slots `(samples,)`, each once. Defaults to `None`: 0, 1, ...
        """
        embeddings, labels = self._check(embeddings, labels)
        index = np.arange(len(embeddings)) if index is None else np.asarray(ops.convert_to_numpy(index))
        self._check_slots(index, len(embeddings))
        centers = np.zeros((self.capacity, self.dim), embeddings.dtype)
        stored, active = np.zeros(self.capacity, "int32"), np.zeros(self.capacity, bool)
        centers[index], stored[index], active[index] = embeddings, labels, True
        self.centers.assign(centers)
        self.labels.assign(stored)
        self.active.assign(active)
        self.on_change(index)
        self._warn_of_empty_classes()

    def add(self, embeddings, labels):
        """Stores further embeddings in slots that are free; the slots, as an array."""
        self._check_built()
        embeddings, labels = self._check(embeddings, labels)
        free = np.flatnonzero(~ops.convert_to_numpy(self.active))
        if len(embeddings) > len(free):
            raise ValueError(
                f"Expected at most {len(free)} embeddings, the slots that are free of a capacity of "
                f"{self.capacity}, received: {len(embeddings)}"
            )
        slots = free[: len(embeddings)]
        for variable, values in (self.centers, embeddings), (self.labels, labels), (self.active, True):
            array = np.array(ops.convert_to_numpy(variable))
            array[slots] = values
            variable.assign(array)
        self.on_change(slots)
        return slots

    def drop(self, index):
        """Frees slots, which find no more."""
        self._check_built()
        index = np.asarray(ops.convert_to_numpy(index))
        self._check_slots(index, index.size)
        active = np.array(ops.convert_to_numpy(self.active))
        active[index] = False
        self.active.assign(active)

    def on_change(self, slots):
        """Called after the centers in `slots` are others."""

    def explain(self, embeddings):
        """The `Votes` of the neighbours of embeddings `(queries, dim)`: who made the class so."""
        self._check_built()
        embeddings = at_least_float32(embeddings)
        distances, indices, valid = self.find(embeddings)
        shares = self.shares(distances, indices, valid)
        arrays = [ops.convert_to_numpy(x) for x in (indices, valid, shares, ops.sqrt(distances))]
        indices, valid, shares, distances = arrays
        labels = ops.convert_to_numpy(self.labels)[indices]
        found = np.where(valid, indices, -1), np.where(valid, labels, -1)
        return Votes(*found, shares, np.where(valid, distances, np.inf))

    def shares(self, distances, indices, valid):
        """Shares of the vote `(batch, neighbors)` from what `find` gives."""
        raise NotImplementedError

    def _check_built(self):
        if not self.built:
            raise ValueError(f"Expected {self.name} to be built, received: a layer that was never called")

    def _check(self, embeddings, labels):
        self._check_built()
        embeddings = np.asarray(ops.convert_to_numpy(at_least_float32(embeddings)))
        labels = np.asarray(ops.convert_to_numpy(labels))
        if embeddings.ndim != 2 or embeddings.shape[1] != self.dim:
            raise ValueError(
                f"Expected embeddings to be of shape (samples, {self.dim}), received: {embeddings.shape}"
            )
        if len(embeddings) > self.capacity:
            raise ValueError(
                f"Expected at most {self.capacity} embeddings, the capacity, received: {len(embeddings)}"
            )
        if not np.isfinite(embeddings).all():
            raise ValueError("Expected embeddings to be finite, received: NaN or infinity")
        labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
        if labels.shape != (len(embeddings),) or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(
                f"Expected labels to be integers of shape ({len(embeddings)},), received: "
                f"{labels.dtype} of shape {labels.shape}"
            )
        if labels.size and (labels.min() < 0 or labels.max() >= self.num_classes):
            raise ValueError(
                f"Expected labels to be from 0 to {self.num_classes - 1}, received: {labels.min()} to "
                f"{labels.max()}"
            )
        return embeddings, labels

    def _check_slots(self, index, count):
        if index.shape != (count,) or not np.issubdtype(index.dtype, np.integer):
            raise ValueError(f"Expected index to be integers of shape ({count},), received: {index!r}")
        if index.size and (index.min() < 0 or index.max() >= self.capacity):
            raise ValueError(
                f"Expected index to be from 0 to {self.capacity - 1}, the capacity less one, received: "
                f"{index.min()} to {index.max()}"
            )
        if len(np.unique(index)) != len(index):
            raise ValueError("Expected index to name each slot once, received: some of them twice")

    def _warn_of_empty_classes(self):
        stored = np.unique(ops.convert_to_numpy(self.labels)[ops.convert_to_numpy(self.active)])
        empty = np.setdiff1d(np.arange(self.num_classes), stored)
        if len(empty) and not self._warned:
            self._warned = True
            names = ", ".join(map(str, empty[:10])) + (", ..." if len(empty) > 10 else "")
            warnings.warn(
                f"{self.name} has no center of {len(empty)} of {self.num_classes} classes, whose probability "
                f"is zero: {names}",
                stacklevel=3,
            )

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "capacity": self.capacity,
            "neighbors": self.neighbors,
            "tile": self.tile,
        }
