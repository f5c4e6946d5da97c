"""Majority among the nearest stored examples."""

import keras
from keras import ops

from tfdml.layers.center_checks import as_queries
from tfdml.layers.centers import Centers


@keras.saving.register_keras_serializable(package="tfdml")
class NearestNeighborsClassifier(Centers, keras.layers.Layer):
    """Classifies by the majority among the nearest stored embeddings. Nothing of it is trained.

    `tfdml.callbacks.CenterRefresh` stores the embeddings of a training set, or `set_centers` and `add` those
    of your own.

    Args:
        num_classes: Integer from 1: classes there is room for. Those without a center have probability 0.
        capacity: Integer from 1: slots for centers.
        neighbors: Integer from 1: neighbours that vote; cut to the number of slots, and where fewer centers
            are stored these vote. Defaults to `5`.
        compression: As in `tfdml.layers.NNGKClassifier`. Defaults to `None`.
        tile: Integer from 1: centers that are compared at a time. Defaults to `8192`.

    Call arguments:
        inputs: Embeddings `(batch, dim)`.
        index: Optional integers `(batch,)`: slots of the samples, which in training are not neighbours of
            themselves.

    Output shape: `(batch, num_classes)`: the share of the neighbours that are of the class. Of classes with
        as many neighbours the one with the nearer ones is ahead, by 0.002 at most.

    Example:

    >>> layer = tfdml.layers.NearestNeighborsClassifier(num_classes=2, capacity=3, neighbors=3)
    >>> layer.build((None, 1))
    >>> layer.set_centers(np.array([[0.0], [1.0], [5.0]]), np.array([0, 1, 1]))
    >>> keras.ops.convert_to_numpy(layer(np.array([[0.2]]))).round(2).tolist()
    [[0.33, 0.67]]

    Reference: Cover and Hart, Nearest Neighbor Pattern Classification, 1967.
    """

    def __init__(self, num_classes, capacity, neighbors=5, compression=None, tile=8192, **kwargs):
        super().__init__(num_classes, capacity, neighbors, tile, False, compression, **kwargs)

    def call(self, inputs, index=None, training=False):
        own, possible = self.own_slots(index) if training and index is not None else (None, None)
        distances, slots, valid = self.find(as_queries(inputs), exclude=own)
        valid = valid if own is None else valid & possible[:, None]
        return self.class_votes(self.shares(distances, slots, valid), slots)

    def shares(self, distances, slots, valid):
        votes = ops.cast(valid, distances.dtype)
        count = distances.shape[1]
        # A whole vote is more than all that the order of neighbours decides, and that is more than rounding.
        step = min(0.002 / count, 1 / count**2)
        votes = votes * (1 - step * ops.arange(count, dtype=distances.dtype))
        return votes / ops.maximum(ops.sum(votes, axis=1, keepdims=True), 1e-12)
