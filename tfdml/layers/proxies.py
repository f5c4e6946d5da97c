"""One or more learned points a class, and the cosines of embeddings to them."""

import keras
from keras import ops

from tfdml.checks import check_count, check_number
from tfdml.losses.soft_triple import center_spread
from tfdml.ops import at_least_float32, cosine_similarity


@keras.saving.register_keras_serializable(package="tfdml")
class Proxies(keras.layers.Layer):
    """Learned points that stand for the classes: gives the cosines of embeddings to each.

    The class losses of `tfdml.losses` read these cosines. The proxies are variables of the layer, so that
    `fit` trains them and checkpoints hold them; a model that ends at the embedding is exported without.

    Args:
        num_classes: Integer from 1.
        per_class: Integer from 1: proxies a class. Defaults to `1`.
        learning_rate_multiplier: Float above 0: how many times faster than the other weights the proxies
            move. The variable holds `proxies / multiplier`, because a gradient that is scaled does nothing
            under Adam; the gradient is that of the proxies, so that the step is the multiplier's whatever
            the optimiser. Defaults to `10.0`, with which networks that learn from scratch at 1e-3 embed
            unseen classes better than with 1; where a pretrained network is tuned at 1e-4 or less, 100 is
            usual (Proxy-Anchor, ProxyNCA++).
        merging: Float of at least 0: weight of a loss that draws the proxies of a class together, so that
            a class keeps no more than it needs: half the mean distance between two. SoftTriple has 0.2.
            Defaults to `0.0`.
        initializer: Initializer of the proxies as rows `(proxies, dim)`. Defaults to `None`: random
            directions, of length about 1.

    Input shape: embeddings `(batch, dim)`, of any length.

    Output shape: cosines `(batch, num_classes)`, or `(batch, num_classes, per_class)` where `per_class` is
        above 1; float32 at least, whatever the policy.

    Example:

    ```python
    image = keras.Input((8,))
    embedding = keras.layers.Dense(4)(image)
    model = keras.Model(image, tfdml.layers.Proxies(10)(embedding))
    model.compile(keras.optimizers.Adam(1e-3), loss=tfdml.losses.ProxyAnchorLoss())
    history = model.fit(np.random.default_rng(0).normal(size=(32, 8)), np.arange(32) % 10, verbose=0)
    embed = keras.Model(image, embedding)
    ```

    Reference:
        Movshovitz-Attias et al., No Fuss Distance Metric Learning using Proxies, ICCV 2017; Qian et al.,
        SoftTriple Loss, ICCV 2019 (several proxies a class, merging); Musgrave et al., A Metric Learning
        Reality Check, ECCV 2020 (learning rates of proxies).
    """

    def __init__(
        self,
        num_classes,
        per_class=1,
        learning_rate_multiplier=10.0,
        merging=0.0,
        initializer=None,
        **kwargs,
    ):
        # A policy of bfloat16 must round neither embeddings nor, below, proxies.
        super().__init__(autocast=False, **kwargs)
        self.num_classes = check_count("num_classes", num_classes)
        self.per_class = check_count("per_class", per_class)
        self.learning_rate_multiplier = check_number(
            "learning_rate_multiplier", learning_rate_multiplier, above=0
        )
        self.merging = check_number("merging", merging, minimum=0)
        self.initializer = keras.initializers.get(initializer)

    def build(self, inputs_shape):
        if len(inputs_shape) != 2 or inputs_shape[-1] is None:
            raise ValueError(f"Expected embeddings to be of shape (batch, dim), received: {inputs_shape}")
        several = (self.per_class,) if self.per_class > 1 else ()
        self.stored = self.add_weight(
            name="proxies",
            shape=(self.num_classes, *several, inputs_shape[-1]),
            initializer=self._initial,
            autocast=False,
            regularizer=self._merge if several and self.merging else None,
        )

    def call(self, inputs):
        return self._similarity(inputs, self.stored)

    @property
    def proxies(self):
        """The proxies, `(num_classes, dim)` or `(num_classes, per_class, dim)`."""
        return self._multiplied(self.stored)

    def set_proxies(self, values):
        """Puts `values`, of the shape of `proxies`, in their place; such as the means of the classes."""
        values = ops.convert_to_tensor(values, dtype="float32")
        if tuple(values.shape) != tuple(self.stored.shape):
            shape = tuple(self.stored.shape)
            raise ValueError(f"Expected proxies to be of shape {shape}, received: {tuple(values.shape)}")
        self.stored.assign(values / self.learning_rate_multiplier)

    def _similarity(self, embeddings, stored):
        proxies = ops.reshape(self._multiplied(stored), (-1, stored.shape[-1]))
        cosines = cosine_similarity(embeddings, proxies)
        return cosines if self.per_class == 1 else ops.reshape(cosines, (-1, stored.shape[0], self.per_class))

    def _multiplied(self, stored):
        # The gradient is that of the product, not multiplied again: so a step of the variable moves the
        # proxies by the multiplier, for plain gradient descent as well as for Adam.
        stored = at_least_float32(stored)
        return stored + ops.stop_gradient((self.learning_rate_multiplier - 1) * stored)

    def _initial(self, shape, dtype=None):
        rows = self.num_classes * self.per_class, shape[-1]
        initializer = self.initializer or keras.initializers.VarianceScaling(
            mode="fan_out", distribution="untruncated_normal"
        )
        return ops.reshape(initializer(rows, dtype=dtype), shape) / self.learning_rate_multiplier

    def _merge(self, stored):
        return self.merging * center_spread(self._multiplied(stored))

    def get_config(self):
        initializer = self.initializer and keras.initializers.serialize(self.initializer)
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "per_class": self.per_class,
            "learning_rate_multiplier": self.learning_rate_multiplier,
            "merging": self.merging,
            "initializer": initializer,
        }
