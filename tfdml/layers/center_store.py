"""The slots that hold the centers of a classifier: variables of fixed shape, plain or as short codes."""

import keras
import numpy as np
from keras import ops

from tfdml.checks import check_count
from tfdml.layers.center_checks import check_compression
from tfdml.ops import (
    class_logits,
    class_shares,
    soft_class_logits,
    soft_class_shares,
)
from tfdml.search import OPQ, nearest_neighbors, quantized_neighbors
from tfdml.search.code_scores import decoded_parts


class CenterStore:
    """What a layer needs to hold centers with their classes, and to find the nearest of them.

    Args:
        num_classes: Integer from 1: classes there is room for.
        capacity: Integer from 1: slots.
        neighbors: Integer from 1: how many are found; cut to the number of slots.
        tile: Integer from 1: slots that are compared at a time.
        soft_targets: Whether a center has a distribution over classes in place of a label.
        compression: `None`, or bytes of a code, or a dictionary with `bytes` and the `dim` that is coded.
    """

    trains_centers = False

    def __init__(self, num_classes, capacity, neighbors, tile, soft_targets, compression, **kwargs):
        super().__init__(autocast=False, **kwargs)  # a policy of bfloat16 must not round the embeddings
        self.num_classes = check_count("num_classes", num_classes)
        self.capacity = check_count("capacity", capacity)
        self.neighbors = check_count("neighbors", neighbors)
        self.tile = check_count("tile", tile)
        self.soft_targets = bool(soft_targets)
        self.compression = check_compression(compression)
        self.state_names = ()
        self.sampled = None  # slots, centers and neighbours of a sample of what is stored, if they are known

    def build(self, inputs_shape, index_shape=None):
        if len(inputs_shape) != 2 or inputs_shape[-1] is None:
            raise ValueError(f"Expected embeddings to be of shape (batch, dim), received: {inputs_shape}")
        self.dim = inputs_shape[-1]
        if self.compression is None:
            self.state("centers", (self.capacity, self.dim), trainable=self.trains_centers)
            if not self.trains_centers:  # of those that are constant the search need not compute it each time
                self.state("half_squares", (self.capacity,))
        else:
            self._build_codes(**self.compression)
        if self.soft_targets:
            self.state("targets", (self.capacity, self.num_classes))
        else:
            self.state("labels", (self.capacity,), "int32")
        self.state("active", (self.capacity,), "bool")

    def _build_codes(self, bytes, dim=None):
        kept = self.dim // bytes * bytes if dim is None else dim
        if not 0 < kept <= self.dim:
            raise ValueError(
                f"Expected compression to have bytes and dim up to that of embeddings, {self.dim}, received: "
                f"{self.compression}"
            )
        self.state("codes", (self.capacity, bytes), "uint8")
        self.state("rotation", (self.dim, kept), initializer="identity")
        self.state("codebooks", (bytes, 256, kept // bytes))

    def state(self, name, shape, dtype=None, trainable=False, initializer="zeros"):
        """Makes a variable of the layer, an attribute of the name."""
        # Under tf.distribute all replicas hold the same, so that any of them will do.
        aggregation = None if trainable else "only_first_replica"
        variable = self.add_weight(
            name=name,
            shape=shape,
            dtype=dtype or keras.backend.result_type(self.variable_dtype, "float32"),
            initializer=initializer,
            trainable=trainable,
            autocast=False,
            aggregation=aggregation,
        )
        setattr(self, name, variable)
        self.state_names = (*self.state_names, name)

    def array(self, name):
        """A variable as an array that may be written to."""
        return np.array(ops.convert_to_numpy(getattr(self, name)))

    def write(self, slots, **arrays):
        """Replaces the rows of variables in `slots`."""
        self.sampled = None
        if "centers" in arrays and not self.trains_centers:
            arrays["half_squares"] = np.square(arrays["centers"]).sum(axis=1) / 2
        for name, values in arrays.items():
            array = self.array(name)
            array[slots] = values
            getattr(self, name).assign(array)

    def find(self, embeddings, exclude=None):
        """Squared distances, slots and a mask of those that exist, each `(batch, neighbors)`."""
        held = {name: getattr(self, name) for name in self.held}
        return found_among(held, self.active, embeddings, self.neighbors, exclude, self.tile)

    @property
    def held(self):
        """Names of the variables that centers are found in."""
        if self.compression is not None:
            return "codes", "rotation", "codebooks"
        return ("centers",) if self.trains_centers else ("centers", "half_squares")

    def at(self, slots):
        """The centers in some slots, `(..., dim)`."""
        return held_at({name: getattr(self, name) for name in self.held}, slots)

    def encoded(self, embeddings, fit=False):
        """What variable is to hold of embeddings, by its name; with `fit` the codebooks are made for them."""
        if self.compression is None:
            return {"centers": embeddings}
        if fit and len(embeddings):
            opq = OPQ(bytes=self.codes.shape[1], dim=self.rotation.shape[1]).fit(embeddings)
            self.rotation.assign(opq.rotation)
            self.codebooks.assign(padded(opq.codebooks))
        state = {name: self.array(name).astype("float32") for name in ("rotation", "codebooks")}
        return {"codes": OPQ.from_state(state).encode(embeddings)}

    def class_votes(self, shares, slots):
        """What the classes have of the shares of neighbours: `(batch, num_classes)`."""
        if self.soft_targets:
            return soft_class_shares(shares, ops.take(self.targets, slots, axis=0))
        return class_shares(shares, ops.take(self.labels, slots), self.num_classes)

    def class_logits(self, logits, valid, slots):
        """The same as logarithms, before they are normalised."""
        if self.soft_targets:
            return soft_class_logits(logits, valid, ops.take(self.targets, slots, axis=0))
        return class_logits(logits, valid, ops.take(self.labels, slots), self.num_classes)

    def labels_at(self, slots):
        """The class of each slot, or the likeliest."""
        if self.soft_targets:
            return ops.cast(ops.argmax(ops.take(self.targets, slots, axis=0), axis=-1), "int32")
        return ops.take(self.labels, slots)

    def compute_output_shape(self, inputs_shape, index_shape=None):
        return (inputs_shape[0], self.num_classes)

    def compute_output_spec(self, inputs, index=None, training=None):
        dtype = keras.backend.result_type(inputs.dtype, self.variable_dtype, "float32")
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "capacity": self.capacity,
            "neighbors": self.neighbors,
            "tile": self.tile,
            "compression": self.compression and dict(self.compression),
        }


def found_among(held, active, embeddings, neighbors, exclude, tile):
    """What `find` gives, of what the variables of a layer hold, by their names, and the mask of its slots."""
    options, capacity = {"active": active, "tile": tile}, active.shape[0]
    if capacity > 1:  # else the search would have nothing left to find
        options["exclude"] = exclude
    if "codes" in held:
        coded = held["codes"], held["rotation"], held["codebooks"]
        distances, indices = quantized_neighbors(embeddings, *coded, neighbors, **options)
    else:
        options |= {"distance": "squared_euclidean", "half_squares": held.get("half_squares")}
        distances, indices = nearest_neighbors(embeddings, held["centers"], neighbors, **options)
    valid = indices >= 0
    if exclude is not None and capacity == 1:
        valid = valid & (indices != ops.cast(exclude, "int32")[:, None])
    return ops.where(valid, distances, 0), ops.where(valid, indices, 0), valid


def held_at(held, slots):
    """The centers in some slots of what the variables of a layer hold, `(..., dim)`."""
    if "codes" not in held:
        return ops.take(held["centers"], slots, axis=0)
    codes = ops.cast(ops.take(held["codes"], slots, axis=0), "int32")
    return ops.matmul(decoded_parts(codes, held["codebooks"]), ops.transpose(held["rotation"]))


def padded(codebooks):
    """Codebooks of 256 codewords each, as few points have fewer; no code names the others."""
    missing = 256 - codebooks.shape[1]
    return np.concatenate([codebooks, np.repeat(codebooks[:, -1:], missing, axis=1)], axis=1)


def uncoded_distances(chosen, slots, embeddings, neighbors):
    """Squared distances of embeddings in the slots `chosen` to their neighbours, and which of these exist."""
    order = np.argsort(slots)
    places = order[np.searchsorted(slots, chosen, sorter=order)]
    distances, indices = nearest_neighbors(
        embeddings[places], embeddings, neighbors, distance="squared_euclidean", exclude=places
    )
    return ops.convert_to_numpy(distances), ops.convert_to_numpy(indices >= 0)
