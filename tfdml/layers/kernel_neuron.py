"""Kernel neurons: weighted sums of Gaussian kernels around learned centers."""

import keras
import numpy as np
from keras import ops

from tfdml.losses.arguments import check_count, check_name, check_number
from tfdml.ops import at_least_float32, log_gaussian
from tfdml.search import nearest_neighbors


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
        count = self.num_centers if self.neighbors is None else self.neighbors
        distances, indices = nearest_neighbors(
            at_least_float32(inputs), self.centers, count, distance="squared_euclidean"
        )
        kernels = ops.exp(log_gaussian(distances, self.log_bandwidth))
        values = ops.sum(kernels[:, :, None] * ops.take(self.kernel, indices, axis=0), axis=1)
        return self.activation(values if self.bias is None else values + self.bias)

    def compute_output_shape(self, inputs_shape):
        return (*inputs_shape[:-1], self.units)

    def set_centers(self, centers):
        """Puts `centers` `(num_centers, dim)` in place, and a bandwidth of their median distance."""
        if not self.built:
            raise ValueError(f"Expected {self.name} to be built, received: a layer that was never called")
        centers = np.asarray(ops.convert_to_numpy(at_least_float32(centers)))
        if centers.shape != tuple(self.centers.shape):
            shape = tuple(self.centers.shape)
            raise ValueError(f"Expected centers to be of shape {shape}, received: {centers.shape}")
        self.centers.assign(centers)
        if isinstance(self.bandwidth, str) and len(centers) > 1:
            few = centers[:: max(1, len(centers) // 1024)]
            squares = np.square(few[:, None] - few[None]).sum(axis=2)[~np.eye(len(few), dtype=bool)]
            if np.median(squares) > 0:
                self.log_bandwidth.assign(np.log(np.median(squares)) / 2)

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
