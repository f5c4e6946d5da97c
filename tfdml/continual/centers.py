"""Centers of a classifier by neighbours that go and come by hand, and what their neighbours make up for."""

from typing import NamedTuple

import numpy as np
from keras import ops

from tfdml import ops as tfdml_ops
from tfdml.callbacks.center_draft import CenterDraft, check_soft
from tfdml.checks import check_number
from tfdml.layers import NNGKClassifier
from tfdml.layers.center_checks import as_queries, check_embeddings, check_slots, check_targets
from tfdml.ops import soft_class_shares, vote_shares


class Changed(NamedTuple):
    """What `drop_centers` or `add_centers` did.

    Attributes:
        index: Slots of the centers, an array.
        projected: How many labels of neighbours were no distribution after they had made up for a center, and
            became the nearest one.
    """

    index: np.ndarray
    projected: int


def influence(layer, embeddings, index=None, center=None, target=None, epsilon=0.0):
    """How predictions change by one center, for each of some embeddings.

    It is either a center that is stored, against the others, or one that is not yet there. The neighbourhood
    of an embedding is the centers nearest to it, with this one; where it is none of them, it changes nothing.

    Args:
        layer: `tfdml.layers.NNGKClassifier`, built, with labels or soft targets.
        embeddings: `(queries, dim)`.
        index: Integer: slot of a center. Defaults to `None`: `center` is one that is not stored.
        center: `(dim,)`, with a weight of 1.
        target: Its class, an integer, or its distribution `(num_classes,)`.
        epsilon: Float of at least 0. With `0` the result is the derivative of predictions by the weight of
            the center; else how much they change when it is given that share of its weight, divided by
            `epsilon`: with `1`, what it changes as it comes. Defaults to `0.0`.

    Returns:
        A tensor `(queries, num_classes)`, whose rows sum to 0. In `keras.ops`, for graphs too.

    Formula: as in `tfdml.ops.influence`.

    Example:

    >>> layer = tfdml.layers.NNGKClassifier(num_classes=2, capacity=4, bandwidth=1.0)
    >>> layer.build((None, 1))
    >>> layer.set_centers(np.array([[0.0], [1.0], [2.0]]), np.array([0, 0, 1]))
    >>> change = tfdml.continual.influence(layer, [[1.0]], index=2)
    >>> print(keras.ops.convert_to_numpy(change).round(2))
    [[-0.38  0.38]]

    Reference: the review of nearest-neighbour Gaussian kernels, equations 10 to 13.
    """
    draft = _draft(layer)
    epsilon = check_number("epsilon", epsilon, minimum=0)
    if (index is None) == (center is None) or (center is None) != (target is None):
        raise ValueError(
            "Expected either index, or center and target, to be given, received: "
            f"index={index!r}, center={center!r}, target={target!r}"
        )
    room, active, targets = draft.room(), draft.active.copy(), ops.convert_to_tensor(draft.targets)
    if index is not None:
        slot = check_slots(np.reshape(index, (1,)), layer.capacity)
        if not active[slot].all():
            raise ValueError(f"Expected index to be a slot in use, received: {index}, which is free")
        active[slot] = False
        center, target = room.at(slot), ops.take(targets, slot[0], axis=0)
        log_weight = ops.take(room.log_weights, slot[0])
    else:
        center = check_embeddings(np.reshape(center, (1, -1)), layer.dim, 1)
        target = check_targets(np.asarray(ops.convert_to_numpy(target))[None], 1, layer.num_classes)[0]
        log_weight = 0.0
    queries = as_queries(ops.convert_to_tensor(embeddings))
    apart = ops.sum(ops.square(queries - ops.cast(center, queries.dtype)), axis=1)
    distances, slots, valid, within = room.beside(queries, apart, ops.convert_to_tensor(active))
    logits = room.logits(distances, slots)
    predictions = soft_class_shares(vote_shares(logits, valid), ops.take(targets, slots, axis=0))
    own = ops.add(tfdml_ops.log_gaussian(apart, room.log_bandwidth), log_weight)
    change = tfdml_ops.influence(own, logits, valid, target, predictions, epsilon)
    return ops.where(within[:, None], change, 0)


def drop_centers(layer, index, redistribute=True):
    """Drops centers one after another, each of which leaves its label to its neighbours.

    A neighbour's label moves towards that of the center by the share that the center had in the votes where
    the neighbour is, so that predictions there stay about what they were. The bandwidth stays.

    Args:
        layer: `tfdml.layers.NNGKClassifier`, built; with `soft_targets=True` unless `redistribute` is false.
        index: Slots of centers, integers `(centers,)`, in the order in which they go.
        redistribute: Whether labels are left to neighbours. Defaults to `True`.

    Returns:
        A named tuple of `index`, the slots, and `projected`, how many labels of neighbours had to be
        projected onto the distributions: none, here.

    Formula: `y_j += k(z_j, z_0) / sum_i k(z_j, z_i) · (y_0 - y_j)` for the neighbours `z_j` of the center
        `z_0`
    that it is a neighbour of. The sum is over the centers nearest to `z_j`, itself and `z_0` among them; `k`
    has the weights of samples in it.

    Example:

    >>> layer = tfdml.layers.NNGKClassifier(num_classes=2, capacity=4, bandwidth=1.0, soft_targets=True)
    >>> layer.build((None, 1))
    >>> layer.set_centers(np.array([[0.0], [1.0], [2.0]]), np.array([0, 0, 1]))
    >>> changed = tfdml.continual.drop_centers(layer, [2])
    >>> keras.ops.convert_to_numpy(layer(np.array([[1.0]]))).round(2).tolist()
    [[0.8, 0.2]]

    Reference: the review of nearest-neighbour Gaussian kernels, equation 13 and algorithm 1.
    """
    draft = _draft(layer, redistribute)
    slots = check_slots(index, layer.capacity)
    draft.drop(slots, redistribute)
    draft.commit()
    _find_anew(layer)
    return Changed(slots, draft.projected)


def add_centers(layer, embeddings, labels, index=None, redistribute=True):
    """Adds centers one after another, each of which labels of its neighbours make up for.

    It is what `drop_centers` does, backwards: to add what was dropped last gives back the labels there were.
    A neighbour that has nothing of the label of the center has nothing to give, and keeps its own: where
    labels are still one class each, nothing is redistributed but everything projected.

    Args:
        layer: As in `drop_centers`.
        embeddings: `(centers, dim)`.
        labels: Integers `(centers,)`, or with soft targets also distributions `(centers, num_classes)`.
        index: Slots that are free `(centers,)`. Defaults to `None`: the first of them.
        redistribute: As in `drop_centers`. Defaults to `True`.

    Returns:
        As of `drop_centers`.

    Formula: `y_j -= k(z_j, z_0) / sum_i k(z_j, z_i) · (y_0 - y_j)`, where the sum is over the centers nearest
        to
    `z_j` without `z_0`; then the distribution that is nearest to it.

    Example:

    >>> layer = tfdml.layers.NNGKClassifier(num_classes=2, capacity=4, bandwidth=1.0, soft_targets=True)
    >>> layer.build((None, 1))
    >>> layer.set_centers(np.array([[0.0], [1.0], [2.0]]), np.array([0, 0, 1]))
    >>> tfdml.continual.add_centers(layer, [[3.0]], [1]).index.tolist()
    [3]

    Reference: the review of nearest-neighbour Gaussian kernels, equation 13 and algorithm 1.
    """
    draft = _draft(layer, redistribute)
    embeddings = check_embeddings(embeddings, layer.dim, layer.capacity)
    free = np.flatnonzero(~draft.active).astype("int32")
    if len(embeddings) > len(free):
        raise ValueError(
            f"Expected at most {len(free)} embeddings, the slots that are free of a capacity of "
            f"{layer.capacity}, received: {len(embeddings)}"
        )
    slots = free[: len(embeddings)] if index is None else check_slots(index, layer.capacity, len(embeddings))
    if not draft.active.any():  # there is nobody to make up for it, and the bandwidth is to be found
        layer.set_centers(embeddings, labels, slots)
        return Changed(slots, 0)
    draft.add(slots, embeddings, labels, redistribute)
    draft.commit()
    _find_anew(layer)
    return Changed(slots, draft.projected)


def _draft(layer, redistribute=False):
    if not isinstance(layer, NNGKClassifier):
        raise ValueError(f"Expected layer to be an NNGKClassifier, received: {layer!r}")
    draft = CenterDraft(layer)
    if redistribute:
        check_soft(layer)
    return draft


def _find_anew(layer):
    """Neighbours that an index outside the graph has found are those of the centers there are."""
    if layer.search is not None:
        layer.renew_table()
