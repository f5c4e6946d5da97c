"""Class losses for very many classes: each step reads the proxies of some of them."""

import keras
from keras import ops

from tfdml.checks import check_count
from tfdml.layers.adding import AddsLoss
from tfdml.layers.proxies import Proxies
from tfdml.losses.class_loss import ClassLoss, class_index
from tfdml.losses.labels import integer_labels


@keras.saving.register_keras_serializable(package="tfdml")
class SampledProxies(AddsLoss, Proxies):
    """Proxies of which a training step draws a part: the classes of the batch, and others at random.

    The step takes time and memory of O(batch · samples), not O(batch · classes). Because the classes that
    are drawn are not known outside, the layer takes the labels and adds its loss itself: compile the
    model without one. Evaluation with labels adds the loss over all classes, and inference without labels
    gives the cosines to all of them.

    Classes that are not drawn have no gradient; an optimiser with momentum moves them all the same.

    Args:
        num_classes: Integer from 1.
        samples: Integer from 1 to `num_classes`: classes drawn a step. It should be no less than the
            number of classes in a batch: samples of a class that finds no place lose nothing in that step.
        loss: A class loss of `tfdml.losses`, such as `tfdml.losses.ArcFaceLoss()`.
        per_class: Integer from 1: proxies a class. Defaults to `1`.
        learning_rate_multiplier: Float above 0, as in `Proxies`. Defaults to `10.0`.
        initializer: As in `Proxies`. Defaults to `None`.
        seed: Integer that the draws follow from. Defaults to `None`: another each time.

    Call arguments:
        inputs: Embeddings `(batch, dim)`, of any length.
        labels: Optional integers `(batch,)` or `(batch, 1)`, or one-hot rows.

    Output shape: in training with labels `(batch, samples)`, the cosines to the classes drawn; otherwise
        those to all classes, `(batch, num_classes)`. With `per_class` above 1 there is one more axis.

    Example:

    ```python
    image, label = keras.Input((8,), name="image"), keras.Input((), dtype="int32", name="label")
    embedding = keras.layers.Dense(4)(image)
    head = tfdml.layers.SampledProxies(1000, samples=64, loss=tfdml.losses.ArcFaceLoss(scale=16))
    model = keras.Model({"image": image, "label": label}, head(embedding, labels=label))
    model.compile("adam")
    images, labels = np.random.default_rng(0).normal(size=(32, 8)), np.arange(32) * 30
    history = model.fit({"image": images, "label": labels}, verbose=0)
    classify, embed = keras.Model(image, head(embedding)), keras.Model(image, embedding)
    ```

    Reference:
        An et al., Partial FC: Training 10 Million Identities on a Single Machine, ICCVW 2021.
    """

    def __init__(
        self,
        num_classes,
        samples,
        loss,
        per_class=1,
        learning_rate_multiplier=10.0,
        initializer=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            num_classes,
            per_class=per_class,
            learning_rate_multiplier=learning_rate_multiplier,
            initializer=initializer,
            **kwargs,
        )
        self.samples = check_count("samples", samples)
        if samples > num_classes:
            raise ValueError(f"Expected samples to be at most num_classes={num_classes}, received: {samples}")
        self.loss = keras.saving.deserialize_keras_object(loss) if isinstance(loss, dict) else loss
        if not isinstance(self.loss, ClassLoss):
            raise ValueError(f"Expected loss to be a class loss of tfdml.losses, received: {loss!r}")
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, inputs_shape, labels_shape=None):
        super().build(inputs_shape)

    def call(self, inputs, labels=None, training=False):
        if labels is None:
            return super().call(inputs)
        labels = class_index(integer_labels(labels), self.num_classes)
        if training:
            drawn = self._draw(labels)
            labels = _positions(labels, drawn)
            # Rows are taken before anything is computed: so the gradient holds only theirs.
            similarity = self._similarity(inputs, ops.take(self.stored, drawn, axis=0))
        else:
            similarity = super().call(inputs)
        self.add_reduced(self.loss.reduced(self.loss.index_losses(labels, similarity)))
        return similarity

    def _draw(self, labels):
        """Different classes `(samples,)`, those of the labels first."""
        # Outside labels count for a class beyond the last.
        present = ops.where(labels < 0, self.num_classes, labels)
        present = ops.segment_max(ops.ones_like(present), present, num_segments=self.num_classes + 1)
        chance = keras.random.uniform((self.num_classes,), seed=self.seed_generator)
        return ops.top_k(ops.where(present[:-1] > 0, 2.0, chance), self.samples)[1]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["seed"] = ops.convert_to_numpy(self.seed_generator.state)  # Keras leaves it out

    def load_own_variables(self, store):
        own = {name: store[name] for name in store.keys() if name != "seed"}  # noqa: SIM118
        super().load_own_variables(own)
        self.seed_generator.state.assign(store["seed"])

    def get_config(self):
        config = super().get_config()
        del config["merging"]
        loss = keras.saving.serialize_keras_object(self.loss)
        return {**config, "samples": self.samples, "loss": loss, "seed": self.seed}


def _positions(labels, drawn):
    """Where each label stands among the classes drawn; -1 where it does not."""
    found = ops.cast(labels[:, None] == ops.cast(drawn, "int32")[None, :], "int32")
    return ops.where(ops.any(found, axis=1), ops.cast(ops.argmax(found, axis=1), "int32"), -1)
