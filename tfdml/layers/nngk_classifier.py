"""Nearest-neighbour Gaussian kernels and impostors: classes as sets of stored examples."""

import keras
import numpy as np
from keras import ops

from tfdml.checks import check_name, check_number
from tfdml.layers.adding import AddsLoss
from tfdml.layers.center_checks import as_queries
from tfdml.layers.centers import Centers
from tfdml.layers.neighbor_table import NeighborTable, check_search, index_config
from tfdml.ops import log_gaussian, vote_shares

# Share of the median distance to the neighbours that is the bandwidth. Where classes have few samples, most
# neighbours are of other classes and the median is about the distance between classes: in a kernel as wide,
# all of them weigh nearly the same. A quarter to a half was best on held-out samples (docs/classifiers.md).
SHARE_OF_MEDIAN = 1 / 3


@keras.saving.register_keras_serializable(package="tfdml")
class NNGKClassifier(AddsLoss, NeighborTable, Centers, keras.layers.Layer):
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
        bandwidth: Float above 0, in the units of the distance; `"median"`: a third of the median distance of
            centers to their neighbours, set with the centers; or `"learned"`: begins there and is trained.
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
        soft_targets: Whether each center has a distribution over classes, `targets`, in place of a label:
            `set_targets` changes them. Defaults to `False`.
        search: `None`: neighbours are searched exactly, in graph, at every step; or an index of
            `tfdml.search`, such as one outside the graph: `CenterRefresh` finds with it the neighbours of all
            samples at each refresh, and training looks them up by `index`. Inference searches exactly, in
            graph, in either case: nothing outside the graph is ever exported. Defaults to `None`.
        compression: `None`: centers are held as they are; or an integer: as codes of so many bytes, of
            `tfdml.search.OPQ`, which cannot be loose; or a dictionary of `bytes` and `dim`, the directions
            that are coded. Mostly you would train without and call `compressed`. Defaults to `None`.
        tile: Integer from 1: centers that are compared at a time. Defaults to `8192`.

    Call arguments:
        inputs: Embeddings `(batch, dim)`.
        index: Optional integers `(batch,)`: slots of the samples. In training a sample is never its own
            neighbour, and draws its loose center. -1 is a sample without a slot, which has no neighbours
            where `search` is given. A sample whose slot does not exist has no neighbours, or is an error
            where no graph is traced. Leave it out in inference.

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
        soft_targets=False,
        search=None,
        compression=None,
        tile=8192,
        **kwargs,
    ):
        super().__init__(num_classes, capacity, neighbors, tile, soft_targets, compression, **kwargs)
        if isinstance(bandwidth, str):
            self.bandwidth = check_name("bandwidth", bandwidth, ("median", "learned"))
        else:
            self.bandwidth = check_number("bandwidth", bandwidth, above=0)
        self.center_mode = check_name("centers", centers, ("tied", "fixed", "loose"))
        self.trains_centers = centers == "loose"
        if self.trains_centers and self.compression is not None:
            raise ValueError("Expected centers to be 'tied' or 'fixed' with compression, received: 'loose'")
        self.sample_weights = bool(sample_weights)
        self.center_regularization = check_number("center_regularization", center_regularization, minimum=0)
        self.activation = check_name("activation", activation, ("softmax", None))
        self.search = check_search(search)

    def build(self, inputs_shape, index_shape=None):
        super().build(inputs_shape, index_shape)
        self.state("log_weights", (self.capacity,), trainable=self.sample_weights)
        first = 0.0 if isinstance(self.bandwidth, str) else float(np.log(self.bandwidth))
        self.state(
            "log_bandwidth",
            (),
            trainable=self.bandwidth == "learned",
            initializer=keras.initializers.Constant(first),
        )
        self.state("bandwidth_is_set", (), "bool")
        self.build_table()

    def call(self, inputs, index=None, training=False):
        embeddings = as_queries(inputs)
        own, possible = self.own_slots(index) if training else (None, None)
        if own is not None and self.trains_centers and self.center_regularization:
            self._draw(embeddings, own)
        if own is not None and self.search is not None:
            distances, slots, valid = self.look_up(embeddings, own, possible)
        else:
            distances, slots, valid = self.find(embeddings, exclude=own)
            valid = valid if own is None else valid & possible[:, None]
        logits = self.logits(distances, slots)
        if self.activation is None:
            return self.class_logits(logits, valid, slots)
        return self.class_votes(vote_shares(logits, valid), slots)

    def logits(self, distances, slots):
        """Logarithms of what each neighbour adds to its class, `(batch, neighbors)`."""
        return ops.add(log_gaussian(distances, self.log_bandwidth), ops.take(self.log_weights, slots))

    def shares(self, distances, slots, valid):
        return vote_shares(self.logits(distances, slots), valid)

    def log_width(self):
        return self.log_bandwidth

    def _draw(self, embeddings, own):
        """The loss that holds loose centers near their samples: the mean over the batch is one over all."""
        slots = ops.where(own >= 0, own, 0)
        stored = (own >= 0) & ops.take(self.active, slots)
        apart = ops.where(stored[:, None], embeddings - ops.take(self.centers, slots, axis=0), 0)
        self.add_reduced(self.center_regularization * ops.mean(ops.sum(ops.square(apart), axis=1)))

    def on_change(self, new, given=None):
        """Weights of new samples begin at 1; bandwidth and table follow the centers."""
        self.write(new, log_weights=0)
        super().on_change(new, given)
        if self.search is not None:
            self.renew_table()

    def measure(self, distances, valid):
        """Sets the bandwidth too, if it is to follow the centers, or begins with them."""
        super().measure(distances, valid)
        begins = self.bandwidth == "learned" and not self.array("bandwidth_is_set")
        if self.bandwidth == "median" or begins:
            median = float(np.sqrt(np.median(distances[valid].astype("float64"))))
            if 0 < median < float("inf"):
                self.log_bandwidth.assign(np.log(SHARE_OF_MEDIAN * median))
                self.bandwidth_is_set.assign(True)

    def get_config(self):
        return {
            **super().get_config(),
            "bandwidth": self.bandwidth,
            "centers": self.center_mode,
            "sample_weights": self.sample_weights,
            "center_regularization": self.center_regularization,
            "activation": self.activation,
            "soft_targets": self.soft_targets,
            "search": index_config(self.search),
        }
