"""Centers that go or come one after another, while the labels of their neighbours make up for it."""

import functools
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tfdml.callbacks.inference import inference
from tfdml.layers.center_store import found_among, held_at
from tfdml.ops import as_distributions, influence, log_gaussian


class Room(NamedTuple):
    """What stays as it is while centers go or come.

    Attributes:
        held: What centers are found in, tensors by name: those of all slots, of which some may not be in use.
        log_weights: Logarithms of the weights of all slots, `(capacity,)`.
        log_bandwidth: Of the kernel, a scalar.
        neighbors: Integer: how many vote.
        tile: Integer: centers that are compared at a time.
    """

    held: dict
    log_weights: Any
    log_bandwidth: Any
    neighbors: int
    tile: int

    def find(self, embeddings, active, exclude=None):
        """Squared distances, slots and a mask of those that exist."""
        return found_among(self.held, active, embeddings, self.neighbors, exclude, self.tile)

    def at(self, slots):
        """The centers in some slots."""
        return held_at(self.held, slots)

    def beside(self, embeddings, apart, rest):
        """Neighbours of embeddings beside a center that is at squared distances `apart`, `(queries,)`.

        Returns:
            What `find` gives of the others, `rest`; and whether the center is among the nearest too.
        """
        distances, slots, valid = self.find(embeddings, rest)
        if distances.shape[1] < self.neighbors:  # all slots that there are
            return distances, slots, valid, ops.ones_like(apart, "bool")
        near = (apart <= distances[:, -1]) | ~valid[:, -1]
        last = ops.arange(self.neighbors) == self.neighbors - 1  # has no place where the center has one
        return distances, slots, valid & ~(near[:, None] & last), near

    def logits(self, distances, slots):
        """Logarithms of the votes of centers in `slots`, at squared distances of the same shape."""
        return ops.add(log_gaussian(distances, self.log_bandwidth), ops.take(self.log_weights, slots))


def one_after_another(room, slots, count, targets, active, dropped):
    """Targets and mask after centers were dropped, or added, in this order.

    Each is dropped or added on its own: what it leaves to its neighbours, or takes from them, is in the
    labels that the next one sees. Shapes are static, and nothing but the number of turns depends on values.

    Args:
        room: The `Room`; what is added is in its slots, which are not yet active.
        slots: Integers `(capacity,)`, of which the first `count` are meant, each once.
        count: Integer, a scalar.
        targets: Distributions of all slots, `(capacity, classes)`.
        active: Booleans `(capacity,)`.
        dropped: Whether the centers go; else they come.

    Returns:
        Targets, mask, and how many labels were projected onto the distributions, a scalar.
    """
    places = ops.arange(active.shape[0], dtype="int32")

    def turn(number, state):
        targets, active, projected = state
        slot = ops.take(slots, number)
        rest = active & (places != slot)
        rows, values, many = shared_out(room, slot, targets, rest, dropped)
        targets = ops.scatter_update(targets, rows[:, None], ops.cast(values, targets.dtype))
        return targets, (rest if dropped else active | (places == slot)), projected + many

    return ops.fori_loop(0, count, turn, (targets, active, ops.zeros((), "int32")))


def shared_out(room, slot, targets, rest, dropped):
    """Labels of the neighbours of a center that goes, or comes, by which predictions change little.

    `y_j ± k(z_j, z_0) / sum_i k(z_j, z_i) · (y_0 - y_j)`, with + where it goes. The sum is over the centers
    nearest to `z_j`, itself among them, as they are: with the one that is about to go, and without the one
    that is about to come. So to add what was dropped gives back the labels there were.

    Returns:
        Slots `(neighbors,)`, their labels, and how many were projected. Where a neighbour does not exist it
        is the center itself, with the label that it has.
    """
    center, target = room.at(slot[None]), ops.take(targets, slot, axis=0)
    apart, near, exist = (x[0] for x in room.find(center, rest))
    near = ops.where(exist, near, slot)
    distances, others, valid, within = room.beside(room.at(near), apart, rest)
    exist = exist & within
    labels = ops.take(targets, near, axis=0)
    change = influence(
        room.logits(apart, ops.zeros_like(near) + slot),
        room.logits(distances, others),
        valid,
        target,
        labels,
        epsilon=1.0 if dropped else 0.0,
    )
    values, projected = as_distributions(labels + change if dropped else labels - change)
    values = ops.where(exist[:, None], values, ops.cast(labels, values.dtype))
    return near, values, ops.sum(ops.cast(projected & exist, "int32"))


class Redistribution(keras.Model):
    """`one_after_another` as a model, which compiles it as the backend does.

    It is no network: what it is called on are the arrays of a classifier.
    """

    def __init__(self, neighbors, tile, dropped):
        super().__init__(autocast=False)
        self.neighbors, self.tile, self.dropped = neighbors, tile, dropped

    def call(self, inputs):
        held, log_weights, log_bandwidth, *state = inputs
        room = Room(held, log_weights, log_bandwidth, self.neighbors, self.tile)
        return one_after_another(room, *state, self.dropped)


@functools.lru_cache(maxsize=32)
def compiled(shapes, **settings):
    """A `Redistribution` of arrays of some shapes, as a function: with others it would be traced anew."""
    return inference(Redistribution(**settings))


def redistributed(room, slots, targets, active, dropped):
    """`one_after_another` on arrays, compiled once for all classifiers of a shape."""
    capacity = len(active)
    padded = np.zeros(capacity, "int32")
    padded[: len(slots)] = slots
    state = padded, np.array(len(slots), "int32"), targets, active
    given = dict(room.held), room.log_weights, room.log_bandwidth, *state
    shapes = tuple((n, tuple(x.shape), str(x.dtype)) for n, x in sorted(room.held.items())), targets.shape
    work = compiled(shapes, neighbors=room.neighbors, tile=room.tile, dropped=dropped)
    targets, active, projected = map(ops.convert_to_numpy, work(given))
    return targets, active, int(projected)
