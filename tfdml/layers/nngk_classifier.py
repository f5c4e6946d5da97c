"""Nearest-neighbour Gaussian kernels and impostors: classes as sets of stored examples."""

import keras
import numpy as np
from keras import ops

from tfdml.layers.adding import AddsLoss
from tfdml.layers.centers import Centers
from tfdml.losses.arguments import check_name, check_number
from tfdml.ops import at_least_float32, class_logits, class_shares, log_gaussian, vote_shares

MEDIAN_OF = 1024  # centers whose neighbours the bandwidth is the median of


@keras.saving.register_keras_serializable(package="tfdml")
class NNGKClassifier(AddsLoss, Centers):
    """Classifies by the nearest stored embeddings, each voting with a Gaussian kernel of its distance.

    It learns like a network, by cross-entropy, ranks like a retrieval system, and can be read: `explain`
    names the examples that made a class so. The centers are embeddings of the training samples, sample *i* in
    slot *i*: `tfdml.callbacks.CenterRefresh` puts them there and keeps them up to date. Before that all
    probabilities are 0.

    Args:
        num_classes: Integer from 1: classes there is room for. Those without a center have probability 0.
        capacity: Integer from 1: slots for centers, as many as there are training samples or more.
        neighbors: Integer from 1: neighbours that vote; cut to the number of slots, and where fewer centers
            are stored these vote. Defaults to `32`, which suffices where centers are refreshed every few
            epochs (Meyer et al.).
        bandwidth: Float above 0, in the units of the distance; `"median"`: the median distance of centers to
            their neighbours, set with the centers; or `"learned"`: begins there and is trained.
            Defaults to `"median"`.
        centers: `"tied"`: embeddings of the training samples, constant until the next refresh; `"fixed"`:
            those of the network before training; `"loose"`: trained, from there on, and held near the
            embeddings of their samples ("impostors"). Defaults to `"tied"`.
        sample_weights: Whether each center has a weight of its own that is trained, `exp(ω)` with `ω` 0 at
            first. Defaults to `True`; impostor networks have none.
        center_regularization: Float of at least 0: weight of the mean squared distance of loose centers to
            the embeddings of their samples. Defaults to `0.01`.
        activation: `"softmax"`: probabilities; or `None`: logits, for a cross-entropy with
            `from_logits=True`, which trains better where the class of a sample is not among its neighbours.
            Defaults to `"softmax"`.
        tile: Integer from 1: centers that are compared at a time. Defaults to `8192`.

    Call arguments:
        inputs: Embeddings `(batch, dim)`.
        index: Optional integers `(batch,)`: slots of the samples. In training a sample is never its own
            neighbour, and draws its loose center. Leave it out in inference.

    Output shape: `(batch, num_classes)`, float32 at least, whatever the policy.

    Formula: `sum_i w_i y_i k(z, c_i) / sum_i w_i k(z, c_i)` over the nearest centers `c_i` with the classes
    `y_i`, where `k(z, c) = exp(-|z - c|² / (2 bandwidth²))` and `w_i = exp(ω_i)`.

    Example:

    >>> layer = tfdml.layers.NNGKClassifier(num_classes=2, capacity=4, neighbors=2, bandwidth=1.0)
    >>> layer.build((None, 1))
    >>> layer.set_centers(np.array([[0.0], [1.0], [5.0]]), np.array([0, 0, 1]))
    >>> keras.ops.convert_to_numpy(layer(np.array([[0.2], [4.0]]))).round(2).tolist()
    [[1.0, 0.0], [0.02, 0.98]]
    >>> layer.explain(np.array([[4.0]])).indices.tolist()
    [[2, 1]]

    Reference:
        Meyer et al., Deep Metric Learning and Image Classification with Nearest Neighbour Gaussian Kernels,
        ICIP 2018; Lebedev et al., Impostor Networks for Fast Fine-Grained Recognition, 2018 (fixed and
        loose centers).
    """

    def __init__(
        self,
        num_classes,
        capacity,
        neighbors=32,
        bandwidth="median",
        centers="tied",
        sample_weights=True,
        center_regularization=0.01,
        activation="softmax",
        tile=8192,
        **kwargs,
    ):
        super().__init__(num_classes, capacity, neighbors, tile, **kwargs)
        if isinstance(bandwidth, str):
            self.bandwidth = check_name("bandwidth", bandwidth, ("median", "learned"))
        else:
            self.bandwidth = check_number("bandwidth", bandwidth, above=0)
        self.center_mode = check_name("centers", centers, ("tied", "fixed", "loose"))
        self.trains_centers = centers == "loose"
        self.sample_weights = bool(sample_weights)
        self.center_regularization = check_number("center_regularization", center_regularization, minimum=0)
        self.activation = check_name("activation", activation, ("softmax", None))

    def build(self, inputs_shape, index_shape=None):
        super().build(inputs_shape, index_shape)
        dtype = keras.backend.result_type(self.variable_dtype, "float32")
        self.log_weights = self.state("log_weights", (self.capacity,), dtype, self.sample_weights)
        first = 0.0 if isinstance(self.bandwidth, str) else float(np.log(self.bandwidth))
        self.log_bandwidth = self.state(
            "log_bandwidth",
            (),
            dtype,
            trainable=self.bandwidth == "learned",
            initializer=keras.initializers.Constant(first),
        )
        self.bandwidth_is_set = self.state("bandwidth_is_set", (), "bool")

    def call(self, inputs, index=None, training=False):
        embeddings = at_least_float32(inputs)
        own = index if training else None
        if own is not None and self.trains_centers and self.center_regularization:
            self._draw(embeddings, own)
        distances, indices, valid = self.find(embeddings, exclude=own)
        labels, logits = ops.take(self.labels, indices), self.logits(distances, indices)
        if self.activation is None:
            return class_logits(logits, valid, labels, self.num_classes)
        return class_shares(vote_shares(logits, valid), labels, self.num_classes)

    def logits(self, distances, indices):
        """Logarithms of what each neighbour adds to its class, `(batch, neighbors)`."""
        return log_gaussian(distances, self.log_bandwidth) + ops.take(self.log_weights, indices)

    def shares(self, distances, indices, valid):
        return vote_shares(self.logits(distances, indices), valid)

    def _draw(self, embeddings, index):
        """The loss that holds loose centers near their samples: the mean over the batch is one over all."""
        apart = embeddings - ops.take(self.centers, ops.cast(index, "int32"), axis=0)
        self.add_reduced(self.center_regularization * ops.mean(ops.sum(ops.square(apart), axis=1)))

    def on_change(self, slots):
        """Weights of new samples begin at 1, and the bandwidth follows the centers if it is to."""
        if self.bandwidth == "median" or (
            self.bandwidth == "learned" and not bool(ops.convert_to_numpy(self.bandwidth_is_set))
        ):
            self._set_bandwidth()

    def _set_bandwidth(self):
        active = np.flatnonzero(ops.convert_to_numpy(self.active))
        chosen = active[np.linspace(0, len(active) - 1, min(len(active), MEDIAN_OF)).astype(int)]
        if len(active) < 2:
            return
        embeddings = ops.convert_to_numpy(self.centers)[chosen]
        distances, _, valid = self.find(ops.convert_to_tensor(embeddings), exclude=chosen)
        distances, valid = (ops.convert_to_numpy(x) for x in (distances, valid))
        median = float(np.sqrt(np.median(distances[valid])))
        if median > 0:
            self.log_bandwidth.assign(np.log(median))
            self.bandwidth_is_set.assign(True)

    def get_config(self):
        return {
            **super().get_config(),
            "bandwidth": self.bandwidth,
            "centers": self.center_mode,
            "sample_weights": self.sample_weights,
            "center_regularization": self.center_regularization,
            "activation": self.activation,
        }
