"""A memory of the embeddings of earlier batches, for any metric loss."""

import keras
from keras import ops

from tfdml.checks import check_count, check_number
from tfdml.layers.adding import AddsLoss
from tfdml.losses.base import MetricLoss
from tfdml.losses.labels import integer_labels
from tfdml.losses.replicas import replicas
from tfdml.ops import at_least_float32, mark_unused
from tfdml.ops.pairs import widest_integer


@keras.saving.register_keras_serializable(package="tfdml")
class CrossBatchMemory(AddsLoss, keras.layers.Layer):
    """Keeps the last embeddings and labels, and adds a loss of each batch against them.

    A batch of 64 then has thousands of positives and negatives, for the price of a matrix product. Embeddings
    of earlier steps are slightly out of date; a network that moves slowly hardly notices, one that has just
    begun does, so give it a head start.

    The memory is a ring: the newest embeddings take the place of the oldest. It is held in variables of fixed
    shape, with the place where the next goes and the number of slots in use: checkpoints and `.keras`
    files hold them, and a training that is resumed goes on with the memory that it had. No gradient goes
    into it. Slots that are not in use yet are neither positives nor negatives.

    The layer gives its inputs back and adds the loss itself: compile the model without one. Evaluation with
    labels adds the loss within the batch and leaves the memory as it is; inference without labels adds
    none.

    Args:
        loss: A `MetricLoss`, any of `tfdml.losses`.
        capacity: Integer from 1: slots of the memory. A batch of more fills it with its last samples.
            Defaults to `8192`.
        start: Integer of at least 0: training steps during which the memory is filled, but not used.
            Wang et al. take 1,000. Defaults to `0`.
        in_batch: Whether the batch itself is positives and negatives too. `False`: only the memory is, as in
            the paper, which adds that to the loss within the batch: compile the model with the latter.
            Defaults to `True`.
        weight: Float of at least 0 that multiplies the loss. Defaults to `1.0`.

    Call arguments:
        inputs: Embeddings `(batch, dim)`.
        labels: Optional integers `(batch,)` or `(batch, 1)`, or one-hot rows: give them in training and leave
            them out in inference.

    Output shape: `(batch, dim)`, the inputs.

    Example:

    ```python
    image, label = keras.Input((8,), name="image"), keras.Input((), dtype="int64", name="label")
    embedding = tfdml.layers.L2Normalization()(keras.layers.Dense(4)(image))
    memory = tfdml.layers.CrossBatchMemory(tfdml.losses.ContrastiveLoss(), capacity=1024)
    model = keras.Model({"image": image, "label": label}, memory(embedding, labels=label))
    model.compile("adam")
    images, labels = np.random.default_rng(0).normal(size=(64, 8)), np.arange(64) % 10
    history = model.fit({"image": images, "label": labels}, batch_size=16, verbose=0)
    embed = keras.Model(image, embedding)
    ```

    Reference: Wang et al., Cross-Batch Memory for Embedding Learning, CVPR 2020.
    """

    def __init__(self, loss, capacity=8192, start=0, in_batch=True, weight=1.0, **kwargs):
        super().__init__(autocast=False, **kwargs)  # a policy of bfloat16 must not round the embeddings
        self.loss = keras.saving.deserialize_keras_object(loss) if isinstance(loss, dict) else loss
        if not isinstance(self.loss, MetricLoss):
            raise ValueError(f"Expected loss to be a MetricLoss of tfdml.losses, received: {loss!r}")
        self.capacity = check_count("capacity", capacity)
        if isinstance(start, bool) or not isinstance(start, int) or start < 0:
            raise ValueError(f"Expected start to be an integer of at least 0, received: {start!r}")
        self.start, self.in_batch = start, bool(in_batch)
        self.weight = check_number("weight", weight, minimum=0)

    def build(self, inputs_shape, labels_shape=None):
        if len(inputs_shape) != 2 or inputs_shape[-1] is None:
            raise ValueError(f"Expected embeddings to be of shape (batch, dim), received: {inputs_shape}")
        dtype = keras.backend.result_type(self.variable_dtype, "float32")
        self.embeddings = self._state("embeddings", (self.capacity, inputs_shape[-1]), dtype)
        self.labels = self._state("labels", (self.capacity,), widest_integer())
        self.pointer = self._state("pointer", (), "int32")
        self.fill = self._state("fill", (), "int32")
        self.steps = self._state("steps", (), "int32")

    def _state(self, name, shape, dtype):
        # Under tf.distribute all replicas write the same, so that any of them will do.
        return self.add_weight(
            name=name,
            shape=shape,
            dtype=dtype,
            initializer="zeros",
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
        )

    def call(self, inputs, labels=None, training=False):
        if labels is None:
            return inputs
        labels = ops.cast(integer_labels(labels), self.labels.dtype)
        memory = ()
        if training:
            slots = ops.arange(self.capacity, dtype="int32")
            used = (slots < self.fill) & (self.steps >= self.start)
            memory = ops.convert_to_tensor(self.embeddings), mark_unused(self.labels, used)
        values = self.loss.batch_losses(inputs, labels, *memory, in_batch=self.in_batch or not training)
        self.add_reduced(self.weight * self.loss.reduced(values))
        if training:
            self._write(inputs, labels)
        return inputs

    def _write(self, embeddings, labels):
        group = replicas()
        embeddings = ops.stop_gradient(at_least_float32(embeddings))
        if group is not None:
            embeddings, labels = group.gather(embeddings), group.gather(labels)
        size = ops.shape(embeddings)[0]
        embeddings, labels = embeddings[-self.capacity :], labels[-self.capacity :]
        kept = ops.shape(embeddings)[0]
        slots = (self.pointer + (size - kept) + ops.arange(kept, dtype="int32")) % self.capacity
        embeddings = ops.cast(embeddings, self.embeddings.dtype)
        self.embeddings.assign(ops.scatter_update(self.embeddings, slots[:, None], embeddings))
        self.labels.assign(ops.scatter_update(self.labels, slots[:, None], labels))
        self.pointer.assign((self.pointer + size) % self.capacity)
        self.fill.assign(ops.minimum(self.fill + kept, self.capacity))
        self.steps.assign(ops.minimum(self.steps + 1, self.start))

    def reset(self):
        """Empties the memory and begins the warm-up anew."""
        for variable in (self.pointer, self.fill, self.steps):
            variable.assign(0)

    def get_config(self):
        return {
            **super().get_config(),
            "loss": keras.saving.serialize_keras_object(self.loss),
            "capacity": self.capacity,
            "start": self.start,
            "in_batch": self.in_batch,
            "weight": self.weight,
        }
