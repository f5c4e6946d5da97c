"""Kernel neurons: weighted sums of Gaussian kernels around learned centers."""

import keras
import numpy as np
from keras import ops

from tfdml.checks import check_count, check_name, check_number
from tfdml.layers.center_checks import as_queries, check_embeddings
from tfdml.ops import log_gaussian, pairwise_distances
from tfdml.search import nearest_neighbors

SAMPLE = 1024  # centers whose distances the bandwidth is the median of


@keras.saving.register_keras_serializable(package="tfdml")
class KernelNeuron(keras.layers.Layer):
    """A dense layer on Gaussian kernels around learned centers, in place of coordinates.

    Where a query is far from all centers it gives `activation(bias)`. Begin with `set_centers`, of embeddings
    of your data: random centers may be far from all of it, where no gradient reaches.

    Args:
        units: Integer from 1: outputs.
        num_centers: Integer from 1: learned centers.
        neighbors: Integer from 1, or `None`: how many of the nearest centers count. Defaults to `None`, all.
        bandwidth: Float above 0, in the units of the distance; `"median"`: the median distance between the
            centers, set by `set_centers` and 1 before; or `"learned"`: begins there and is trained.
            Defaults to `"median"`.
        activation: As in `keras.layers.Dense`. Defaults to `None`.
        use_bias: Whether there is a bias. Defaults to `True`.
        kernel_initializer: Initializer of the weights `(num_centers, units)`. Defaults to
            `"glorot_uniform"`.
        center_initializer: Initializer of the centers `(num_centers, dim)`. Defaults to `"random_normal"`.

    Input shape: `(batch, dim)`.

    Output shape: `(batch, units)`, float32 at least, whatever the policy.

    Formula: `activation(sum_i alpha_i k(z, c_i) + bias)` over the centers, or the nearest of them, with
    `k(z, c) = exp(-|z - c|² / (2 bandwidth²))`.

    Example:

    ```python
    x, y = np.random.default_rng(0).normal(size=(64, 4)), np.arange(64) % 3
    neuron = tfdml.layers.KernelNeuron(3, num_centers=16, activation="softmax")
    neuron.build((None, 4))
    neuron.set_centers(x[:16])
    model = keras.Sequential([keras.Input((4,)), neuron])
    model.compile("adam", loss="sparse_categorical_crossentropy")
    history = model.fit(x, y, verbose=0)
    ```

    Reference: Xu et al., Kernel Neuron and Its Training Algorithm, ICONIP 2001.
    """

    def __init__(
        self,
        units,
        num_centers,
        neighbors=None,
        bandwidth="median",
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        center_initializer="random_normal",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # a policy of bfloat16 must round no distances
        self.units = check_count("units", units)
        self.num_centers = check_count("num_centers", num_centers)
        self.neighbors = None if neighbors is None else check_count("neighbors", neighbors)
        if isinstance(bandwidth, str):
            self.bandwidth = check_name("bandwidth", bandwidth, ("median", "learned"))
        else:
            self.bandwidth = check_number("bandwidth", bandwidth, above=0)
        self.activation = keras.activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.center_initializer = keras.initializers.get(center_initializer)

    def build(self, inputs_shape):
        if len(inputs_shape) != 2 or inputs_shape[-1] is None:
            raise ValueError(f"Expected inputs to be of shape (batch, dim), received: {inputs_shape}")
        dtype = keras.backend.result_type(self.variable_dtype, "float32")
        same = {"dtype": dtype, "autocast": False}
        self.centers = self.add_weight(
            name="centers",
            shape=(self.num_centers, inputs_shape[-1]),
            initializer=self.center_initializer,
            **same,
        )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.num_centers, self.units),
            initializer=self.kernel_initializer,
            **same,
        )
        self.bias = (
            self.add_weight(name="bias", shape=(self.units,), initializer="zeros", **same)
            if self.use_bias
            else None
        )
        first = 0.0 if isinstance(self.bandwidth, str) else float(np.log(self.bandwidth))
        self.log_bandwidth = self.add_weight(
            name="log_bandwidth",
            shape=(),
            initializer=keras.initializers.Constant(first),
            trainable=self.bandwidth == "learned",
            **same,
        )

    def call(self, inputs):
        inputs = as_queries(inputs)
        if self.neighbors is None:
            distances = pairwise_distances(inputs, self.centers, "squared_euclidean")
            values = ops.matmul(self._kernels(distances), self.kernel)
        else:
            distances, indices = nearest_neighbors(
                inputs, self.centers, self.neighbors, distance="squared_euclidean"
            )
            values = ops.einsum(
                "qk,qku->qu", self._kernels(distances), ops.take(self.kernel, indices, axis=0)
            )
        return self.activation(values if self.bias is None else ops.add(values, self.bias))

    def _kernels(self, distances):
        return ops.exp(log_gaussian(distances, self.log_bandwidth))

    def compute_output_shape(self, inputs_shape):
        return (*inputs_shape[:-1], self.units)

    def compute_output_spec(self, inputs):
        dtype = keras.backend.result_type(inputs.dtype, self.variable_dtype, "float32")
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype)

    def set_centers(self, centers):
        """Puts `centers` `(num_centers, dim)` in place, and a bandwidth of their median distance."""
        if not self.built:
            raise ValueError(f"Expected {self.name} to be built, received: a layer that was never called")
        count, dim = self.centers.shape
        centers = check_embeddings(centers, dim, count)
        if len(centers) != count:
            raise ValueError(f"Expected centers to be of shape {(count, dim)}, received: {centers.shape}")
        self.centers.assign(centers)
        if isinstance(self.bandwidth, str) and count > 1:
            few = centers[:: -(-count // SAMPLE)].astype("float64")
            few -= few.mean(axis=0)  # an offset that all share would use up the digits
            lengths = np.square(few).sum(axis=1)
            squares = lengths[:, None] + lengths - 2 * few @ few.T
            median = np.median(squares[~np.eye(len(few), dtype=bool)])
            if median > 1e-12 * lengths.max():
                self.log_bandwidth.assign(np.log(median) / 2)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "num_centers": self.num_centers,
            "neighbors": self.neighbors,
            "bandwidth": self.bandwidth,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "center_initializer": keras.initializers.serialize(self.center_initializer),
        }
