"""A classifier by cosine, whose scale may adapt itself."""

import keras
from keras import ops

from tfdml.checks import check_number
from tfdml.layers.proxies import Proxies
from tfdml.losses.ada_cos import adapted_scale, fixed_scale
from tfdml.losses.class_loss import class_index, own_class
from tfdml.losses.labels import integer_labels
from tfdml.losses.replicas import replicas


@keras.saving.register_keras_serializable(package="tfdml")
class CosineHead(Proxies):
    """Logits of the classes: scaled cosines to one weight vector each, for any cross-entropy of logits.

    Where `Proxies` leaves scale and margin to the loss, this head has a scale of its own. An adaptive one
    is AdaCos: while training, and given labels, it follows the angles of the batch. It is a variable, so
    that checkpoints and `.keras` files hold it, and a run that goes on goes on from it.

    Args:
        num_classes: Integer from 1.
        scale: Float above 0 that multiplies cosines; or `"adaptive"`; or `None`: AdaCos' fixed scale,
            `sqrt(2) log(num_classes - 1)`, at which the adaptive one begins. Defaults to `None`.
        learning_rate_multiplier: Float above 0, as in `Proxies`. Defaults to `10.0`.
        initializer: As in `Proxies`. Defaults to `None`.

    Call arguments:
        inputs: Embeddings `(batch, dim)`, of any length.
        labels: Optional integers `(batch,)` or `(batch, 1)`, or one-hot rows: give them in training where
            the scale is adaptive, and leave them out in inference.

    Output shape: logits `(batch, num_classes)`, float32 at least, whatever the policy.

    Formula: `scale · cos(inputs, weights)`. The adaptive scale of a step is
    `log(mean_i sum_j exp(scale s_ij)) / cos(min(π/4, θ))` of the scale before, over the samples `i` of the
    batch and the classes `j` that are not theirs, with the median `θ` of the angles to their own.

    Example:

    ```python
    image, label = keras.Input((8,), name="image"), keras.Input((), dtype="int32", name="label")
    embedding, head = keras.layers.Dense(4)(image), tfdml.layers.CosineHead(10, scale="adaptive")
    model = keras.Model({"image": image, "label": label}, head(embedding, labels=label))
    model.compile("adam", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    images, labels = np.random.default_rng(0).normal(size=(32, 8)), np.arange(32) % 10
    history = model.fit({"image": images, "label": labels}, labels, verbose=0)
    classify, embed = keras.Model(image, head(embedding)), keras.Model(image, embedding)
    ```

    Reference:
        Zhang et al., AdaCos: Adaptively Scaling Cosine Logits for Effectively Learning Deep Face
        Representations, CVPR 2019.
    """

    def __init__(self, num_classes, scale=None, learning_rate_multiplier=10.0, initializer=None, **kwargs):
        super().__init__(
            num_classes,
            learning_rate_multiplier=learning_rate_multiplier,
            initializer=initializer,
            **kwargs,
        )
        if isinstance(scale, str) and scale != "adaptive":
            raise ValueError(
                f"Expected scale to be a number above 0, 'adaptive' or None, received: {scale!r}"
            )
        self.scale = scale if scale in (None, "adaptive") else check_number("scale", scale, above=0)

    def build(self, inputs_shape, labels_shape=None):
        super().build(inputs_shape)
        if self.scale == "adaptive":
            self.adaptive_scale = self.add_weight(
                name="scale",
                shape=(),
                initializer=keras.initializers.Constant(fixed_scale(self.num_classes)),
                trainable=False,
                autocast=False,
                aggregation="mean",  # of replicas, which all find the same
            )

    def call(self, inputs, labels=None, training=False):
        cosine = super().call(inputs)
        if self.scale != "adaptive":
            return cosine * (fixed_scale(self.num_classes) if self.scale is None else self.scale)
        scale = ops.cast(self.adaptive_scale, cosine.dtype)
        if training and labels is not None:
            index, seen, group = class_index(integer_labels(labels), self.num_classes), cosine, replicas()
            if group is not None:  # all samples of the step, whichever replica has them
                index, seen = group.gather(index), group.gather(cosine)
                seen = ops.reshape(seen, (-1, self.num_classes))  # it may forget its width
            scale = adapted_scale(seen, own_class(index, self.num_classes), scale)
            self.adaptive_scale.assign(scale)
        return scale * cosine

    def get_config(self):
        config = super().get_config()
        del config["per_class"], config["merging"]
        return {**config, "scale": self.scale}
