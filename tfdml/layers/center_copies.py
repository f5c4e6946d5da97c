"""Copies of classifiers by neighbours: with room for more, or compressed."""

import numpy as np
from keras import ops

from tfdml.checks import check_count
from tfdml.layers.center_store import padded
from tfdml.search import OPQ


def copied(layer, arrays=None, **changes):
    """A new built layer of another configuration, with what its variables have in common with the old ones.

    Where a variable is larger, the rest is as in a new layer. `arrays` are other values by their names.
    """
    arrays = arrays or {}
    new = type(layer).from_config({**layer.get_config(), **changes})
    new.build((None, layer.dim))
    for name, values in arrays.items():
        getattr(new, name).assign(values)
    for name in set(layer.state_names) & set(new.state_names) - set(arrays):
        old, array = layer.array(name), new.array(name)
        array[tuple(map(slice, old.shape))] = old
        getattr(new, name).assign(array)
    new._warned = layer._warned
    return new


def resized(layer, capacity, num_classes):
    """`layer` with room for more."""
    sizes = {"capacity": capacity, "num_classes": num_classes}
    for name, size in sizes.items():
        now = getattr(layer, name)
        sizes[name] = now if size is None else check_count(name, size)
        if sizes[name] < now:
            raise ValueError(f"Expected {name} to be at least {now}, what it is, received: {size}")
    return copied(layer, **sizes)


def without_class(layer, label):
    """`layer` without a class and its centers; the classes after it are one less each.

    Of distributions the class is taken out. A center is of its likeliest class.
    """
    arrays = {"active": layer.array("active") & (labels_of(layer) != label)}
    if layer.soft_targets:
        rest = np.delete(layer.array("targets"), label, axis=1)
        sums = rest.sum(axis=1, keepdims=True)
        arrays["targets"] = rest / np.where(sums > 0, sums, 1)
    else:
        labels = layer.array("labels")
        arrays["labels"] = np.where(labels == label, 0, labels - (labels > label))
    return copied(layer, arrays, num_classes=layer.num_classes - 1)


def labels_of(layer):
    """The class of each slot, or the likeliest, as an array."""
    return np.asarray(ops.convert_to_numpy(layer.labels_at(np.arange(layer.capacity))))


def compressed(layer, bytes, dim):
    """`layer` with codes in place of centers."""
    if layer.compression is not None:
        raise ValueError(f"Expected {layer.name} to hold its centers, received: a layer that is compressed")
    slots = np.flatnonzero(layer.array("active"))
    if not len(slots):
        raise ValueError(f"Expected {layer.name} to have centers, received: a layer without")
    centers = layer.array("centers")[slots]
    opq = OPQ(bytes=check_count("bytes", bytes), dim=dim).fit(centers)
    changes = {"compression": {"bytes": opq.bytes, "dim": opq.rotation.shape[1]}}
    if layer.trains_centers:  # codes are not trained
        changes["centers"] = "fixed"
    new = copied(layer, **changes)
    new.rotation.assign(opq.rotation)
    new.codebooks.assign(padded(opq.codebooks))
    new.write(slots, codes=opq.encode(centers))
    return new
