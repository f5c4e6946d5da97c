"""Batches that are larger than memory, by embedding them twice in small parts."""

import inspect

import keras

from tfdml.checks import check_count


@keras.saving.register_keras_serializable(package="tfdml")
class GradientCaching(keras.Model):
    """Trains a network with plain `fit` on batches of which it can hold only a part at a time.

    A step embeds the batch in micro-batches and keeps the embeddings alone; takes the loss of them all, and
    its gradient at each; and embeds the micro-batches once more, each time sending those gradients through
    the network. Memory is that of one micro-batch and of the embeddings; a step takes a third longer or so.
    The gradient is exact: all that is random, dropout say, is drawn the same both times, and what a step
    changes in the network's state is changed once.

    The loss is that of the whole batch, with all its negatives. Batch normalisation sees micro-batches: it
    takes the statistics of each, as it would where a batch is shared by several devices; freeze it
    (`layer.trainable = False`) if these are too small. Losses that layers add, such as regularisers, count
    as their mean over micro-batches. A loss of large batches has a matrix of its own: see its `tile`.

    The wrapper shares the network's weights: use the network itself to embed, export and save, or this one.

    Args:
        model: A Keras model from inputs to embeddings `(batch, dim)`, built.
        micro_batch: Integer from 1: how many samples the network sees at a time.
        name: Name of the model. Defaults to `"gradient_caching"`.

    Example:

    ```python
    network = tfdml.models.embedding_model("small_cnn", dim=16, image_size=16)
    model = tfdml.models.GradientCaching(network, micro_batch=16)
    model.compile("adam", loss=tfdml.losses.NTXentLoss())
    images, labels = np.random.default_rng(0).uniform(0, 255, (64, 16, 16, 3)), np.arange(64) % 8
    history = model.fit(images, labels, batch_size=64, verbose=0)
    embeddings = network.predict(images, verbose=0)
    ```

    Reference:
        Gao et al., Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup, RepL4NLP 2021.
    """

    def __init__(self, model, micro_batch, name="gradient_caching", **kwargs):
        super().__init__(name=name, **kwargs)
        if keras.backend.backend() != "tensorflow":
            backend = keras.backend.backend()
            raise ValueError(f"Expected the backend of Keras to be 'tensorflow', received: {backend!r}")
        if not isinstance(model, keras.Model) or not model.built:
            raise ValueError(f"Expected model to be a Keras model that is built, received: {model!r}")
        self.model = model
        self.micro_batch = check_count("micro_batch", micro_batch)
        self.supports_jit = (
            False  # micro-batches are as many as the batch has, which XLA must know beforehand
        )
        self.built = True

    def call(self, inputs, training=None):
        return self._embed(inputs, training)

    def _embed(self, inputs, training):
        return self.model(inputs, **self._mode(training))

    def _mode(self, training):
        takes = "training" in inspect.signature(self.model.call).parameters
        return {"training": training} if takes else {}

    @property
    def losses(self):
        """None: those of the network are added micro-batch by micro-batch."""
        return []

    def train_step(self, data):
        import tensorflow as tf

        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        weights = [tf.convert_to_tensor(v) for v in self.model.trainable_variables]
        state = [tf.convert_to_tensor(v) for v in self.model.non_trainable_variables]
        embeddings, added, _ = self._embed_in_parts(x, weights, state, training=True)
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            loss = self.compute_loss(x, y, embeddings, sample_weight, training=True)
            scaled = self.optimizer.scale_loss(loss)
        cached = tape.gradient(scaled, embeddings)
        gradients, state = self._send_back(x, cached, weights, state)
        for variable, value in zip(self.model.non_trainable_variables, state, strict=True):
            variable.assign(value)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        return self._logs(x, y, embeddings, sample_weight, loss + added)

    def test_step(self, data):
        import tensorflow as tf

        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        weights = [tf.convert_to_tensor(v) for v in self.model.trainable_variables]
        state = [tf.convert_to_tensor(v) for v in self.model.non_trainable_variables]
        embeddings, added, _ = self._embed_in_parts(x, weights, state, training=False)
        loss = self.compute_loss(x, y, embeddings, sample_weight, training=False)
        return self._logs(x, y, embeddings, sample_weight, loss + added)

    def _logs(self, x, y, embeddings, sample_weight, loss):
        import tensorflow as tf

        for metric in self.metrics:
            if metric.name == "loss":  # which losses scale by the replicas, so that their sum is the mean
                replicas = tf.distribute.get_strategy().num_replicas_in_sync
                metric.update_state(loss * replicas, sample_weight=_size(x))
        return self.compute_metrics(x, y, embeddings, sample_weight=sample_weight)

    def _embed_in_parts(self, x, weights, state, training):
        """The embeddings of all, the sum of what layers add to the loss, and the state after it."""
        import tensorflow as tf

        count, shape = self._count(x), []

        def part(number, state, added, collected):
            z, state, own = self._of_part(x, number, weights, state, training)
            shape[:] = z.shape[1:]
            return number + 1, state, added + own, collected.write(number, z)

        collected = tf.TensorArray("float32", size=count, infer_shape=False)
        _, state, added, collected = tf.while_loop(
            lambda number, *_: number < count,
            part,
            (tf.constant(0), state, tf.constant(0.0), collected),
            parallel_iterations=1,
        )
        embeddings = collected.concat()
        embeddings.set_shape((None, *shape))
        return embeddings, added, state

    def _send_back(self, x, cached, weights, state):
        """The gradients of the weights, and the state after the step."""
        import tensorflow as tf

        count = self._count(x)

        def part(number, state, gradients):
            with tf.GradientTape() as tape:
                tape.watch(weights)
                z, state, added = self._of_part(x, number, weights, state, training=True)
                upstream = _rows(cached, number, self.micro_batch)
                total = tf.reduce_sum(z * upstream) + self.optimizer.scale_loss(added)
            own = tape.gradient(total, weights, unconnected_gradients="zero")
            return number + 1, state, [a + b for a, b in zip(gradients, own, strict=True)]

        start = tf.constant(0), state, [tf.zeros_like(w) for w in weights]
        loop = tf.while_loop(lambda number, *_: number < count, part, start, parallel_iterations=1)
        return loop[2], loop[1]

    def _of_part(self, x, number, weights, state, training):
        import tensorflow as tf

        part = keras.tree.map_structure(lambda t: _rows(t, number, self.micro_batch), x)
        trainable, others = self.model.trainable_variables, self.model.non_trainable_variables
        values = [*zip(trainable, weights, strict=True), *zip(others, state, strict=True)]
        # `stateless_call` may count a loss twice: it tells losses apart by ids, which Python gives anew.
        with keras.StatelessScope(values, collect_losses=True) as scope:
            z = self._embed(part, training)
            losses = [v.regularizer(v) for v in trainable if v.regularizer is not None] + scope.losses
            state = [tf.convert_to_tensor(scope.get_current_value(v)) for v in others]
        if not tf.is_tensor(z) or len(z.shape) != 2:
            raise ValueError(f"Expected model to give one tensor (batch, dim), received: {z!r}")
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        share = tf.cast(_size(part), "float32") / tf.cast(_size(x) * replicas, "float32")
        added = tf.add_n([tf.cast(tf.reduce_sum(loss), "float32") for loss in losses] or [tf.constant(0.0)])
        return tf.cast(z, "float32"), state, share * added

    def _count(self, x):
        return (_size(x) + self.micro_batch - 1) // self.micro_batch

    def export(self, *args, **kwargs):
        """Exports the network, as `keras.Model.export` does."""
        return self.model.export(*args, **kwargs)

    def get_config(self):
        model = keras.saving.serialize_keras_object(self.model)
        return {"model": model, "micro_batch": self.micro_batch, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "model": keras.saving.deserialize_keras_object(config["model"])})


def _size(x):
    import tensorflow as tf

    return tf.shape(next(t for t in keras.tree.flatten(x) if t is not None))[0]


def _rows(x, number, size):
    return None if x is None else x[number * size : (number + 1) * size]
