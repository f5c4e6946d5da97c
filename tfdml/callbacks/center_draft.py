"""Changes to the centers of a classifier that are made in memory first, and take effect at once."""

import numpy as np
from keras import ops

from tfdml.callbacks.redistribution import Room, redistributed
from tfdml.layers.center_checks import as_queries, check_embeddings, check_slots
from tfdml.ops import soft_class_shares, vote_shares

BATCH = 256  # queries at a time: with distributions each has one a neighbour


class CenterDraft:
    """A copy of what a `NNGKClassifier` stores. The layer is as it was until `commit`.

    Args:
        layer: The classifier, built.

    Attributes:
        projected: How many labels were projected onto the distributions so far.
    """

    def __init__(self, layer):
        layer._check_built()
        self.layer, self.projected = layer, 0
        self.labels_name = "targets" if layer.soft_targets else "labels"
        self.before = {name: layer.array(name) for name in ("active", "log_weights", self.labels_name)}
        self.before |= {name: layer.array(name) for name in layer.held}
        self.arrays = {name: array.copy() for name, array in self.before.items()}

    @property
    def active(self):
        """Booleans `(capacity,)`: the slots in use."""
        return self.arrays["active"]

    @property
    def targets(self):
        """Distributions of all slots, `(capacity, num_classes)`."""
        labels = self.arrays[self.labels_name]
        if self.layer.soft_targets:
            return labels
        return (labels[:, None] == np.arange(self.layer.num_classes)).astype("float32")

    def store(self, slots, embeddings):
        """Writes embeddings to slots, whether in use or not, and leaves all else."""
        embeddings = check_embeddings(embeddings, self.layer.dim, self.layer.capacity)
        for name, values in self.layer.encoded(embeddings).items():
            self.arrays[name][slots] = values
        if "half_squares" in self.arrays:
            self.arrays["half_squares"][slots] = np.square(embeddings).sum(axis=1) / 2

    def drop(self, slots, redistribute):
        """Drops the centers in slots, one after another."""
        slots = check_slots(slots, self.layer.capacity)
        if not self.active[slots].all():
            free = ", ".join(map(str, slots[~self.active[slots]][:10]))
            raise ValueError(f"Expected index to be slots in use, received: {free}, which are free")
        self._change(slots, True, redistribute)

    def add(self, slots, embeddings, labels, redistribute):
        """Adds centers to slots that are free, one after another."""
        slots = check_slots(slots, self.layer.capacity, len(embeddings))
        if self.active[slots].any():
            used = ", ".join(map(str, slots[self.active[slots]][:10]))
            raise ValueError(f"Expected index to be slots that are free, received: {used}, which are in use")
        classes = self.layer._classes(labels, len(embeddings))
        self.store(slots, embeddings)
        self.arrays["log_weights"][slots] = 0
        self.arrays[self.labels_name][slots] = classes[self.labels_name]
        self._change(slots, False, redistribute)

    def _change(self, slots, dropped, redistribute):
        if redistribute and len(slots):
            check_soft(self.layer)
            found = redistributed(self.room(), slots, self.targets, self.active, dropped)
            self.arrays["targets"], self.projected = np.array(found[0]), self.projected + found[2]
        self.active[slots] = not dropped

    def room(self):
        """What neighbours are found in, and weighed by."""
        held = {name: ops.convert_to_tensor(self.arrays[name]) for name in self.layer.held}
        weights, width = ops.convert_to_tensor(self.arrays["log_weights"]), self.layer.log_bandwidth.value
        return Room(held, weights, width, self.layer.neighbors, self.layer.tile)

    def predict(self, embeddings, exclude=None):
        """Distributions `(queries, num_classes)` by the centers, each without the one in `exclude`."""
        room, active = self.room(), ops.convert_to_tensor(self.active)
        targets = ops.convert_to_tensor(self.targets)
        embeddings, parts = np.asarray(embeddings), []
        for start in range(0, len(embeddings), BATCH):
            part = slice(start, start + BATCH)
            own = None if exclude is None else exclude[part]
            parts.append(ops.convert_to_numpy(predicted(room, targets, active, embeddings[part], own)))
        return np.concatenate([np.zeros((0, self.layer.num_classes), "float32"), *parts])

    def commit(self):
        """Gives the layer what has changed. If that fails half-way, it has what it had before."""
        changed = [n for n, array in self.arrays.items() if not np.array_equal(array, self.before[n])]
        try:
            self._assign(changed, self.arrays)
        except BaseException:  # Ctrl-C too: centers of two states would belong to none
            self._assign(changed, self.before)
            raise

    def _assign(self, names, arrays):
        self.layer.sampled = None
        for name in names:
            getattr(self.layer, name).assign(arrays[name])


def predicted(room, targets, active, embeddings, exclude=None):
    """Distributions that centers give for embeddings, `(queries, num_classes)`."""
    distances, slots, valid = room.find(as_queries(embeddings), active, exclude)
    shares = vote_shares(room.logits(distances, slots), valid)
    return soft_class_shares(shares, ops.take(targets, slots, axis=0))


def check_soft(layer):
    """Refuses a layer whose centers have labels, which cannot be shared out."""
    if not layer.soft_targets:
        raise ValueError(
            f"Expected {layer.name} to have soft_targets=True, so that labels can be redistributed, "
            "received: a layer with labels (redistribute=False leaves them as they are)"
        )
