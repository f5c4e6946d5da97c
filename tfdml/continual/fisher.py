"""The diagonal of the Fisher information: mean squares of the gradients of single samples."""

import keras
import numpy as np

from tfdml.metrics.embedding import model_inputs

NUMBERS = 2**24  # of the gradients of single samples that are held at a time


def diagonal_fisher(model, part, loss=None, batch_size=None):
    """For each trainable variable the mean over samples of the squared gradient of the log-likelihood.

    The gradient is that of each sample, and not of a batch, whose square would be another thing: computed for
    a batch of samples at a time, by a vectorised Jacobian. The likelihood is that of the labels that are
    given (the empirical Fisher information).

    Args:
        model: A compiled Keras model of class scores.
        part: A `Part`.
        loss: A cross-entropy, the negative log-likelihood. Defaults to `None`: what the model was compiled
            with.
        batch_size: Integer from 1: samples at a time. Defaults to `None`: so many as to hold 64 MB of
            gradients, 64 at most.

    Returns:
        A list of float32 arrays of the shapes of `model.trainable_variables`.

    Example:

    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    >>> model.compile("sgd", "sparse_categorical_crossentropy")
    >>> part = tfdml.continual.Part.of((np.eye(3, dtype="float32"), [0, 1, 0]))
    >>> [fisher.shape for fisher in tfdml.continual.diagonal_fisher(model, part)]
    [(3, 2), (2,)]

    Reference: Kirkpatrick et al., Overcoming catastrophic forgetting in neural networks, PNAS 2017; Kunstner
        et al., Limitations of the Empirical Fisher Approximation, NeurIPS 2019.
    """
    return FisherInformation(model, loss, batch_size)(part)


class FisherInformation:
    """`diagonal_fisher` of a model that is asked again and again: its function is traced once.

    Args:
        model, loss, batch_size: As in `diagonal_fisher`.
    """

    def __init__(self, model, loss=None, batch_size=None):
        loss = keras.losses.get(loss or model.loss)
        count = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
        self.model, self.batch_size = model, batch_size or int(np.clip(NUMBERS // max(count, 1), 1, 64))
        self.of_batch = SQUARES[keras.backend.backend()](model, getattr(loss, "call", loss))

    def __call__(self, part):
        totals = [np.zeros(v.shape, "float64") for v in self.model.trainable_variables]
        for start in range(0, len(part), self.batch_size):
            some = part.subset(np.arange(start, min(start + self.batch_size, len(part))))
            found = self.of_batch(model_inputs(self.model, some.inputs()), some.labels)
            for total, square in zip(totals, found, strict=True):
                total += keras.ops.convert_to_numpy(square)
        return [(total / len(part)).astype("float32") for total in totals]


def _tensorflow(model, by_sample):
    import tensorflow as tf

    variables = [v.value for v in model.trainable_variables]

    @tf.function(reduce_retracing=True)
    def of_batch(x, labels):
        with tf.GradientTape() as tape:
            losses = tf.cast(by_sample(labels, model(x, training=False)), "float32")
        jacobians = tape.jacobian(losses, variables, unconnected_gradients="zero")
        return [tf.reduce_sum(tf.square(tf.cast(j, "float32")), axis=0) for j in jacobians]

    def call(x, labels):
        return of_batch(keras.tree.map_structure(tf.convert_to_tensor, x), tf.convert_to_tensor(labels))

    return call


def _jax(model, by_sample):
    import jax

    def of_sample(weights, state, x, label):
        x = keras.tree.map_structure(lambda t: t[None], x)
        return by_sample(label[None], model.stateless_call(weights, state, x, training=False)[0])[0]

    @jax.jit
    def of_batch(weights, state, x, labels):
        each = jax.vmap(jax.grad(of_sample), (None, None, 0, 0))(weights, state, x, labels)
        return [(square**2).sum(axis=0) for square in each]

    def call(x, labels):  # values are read anew: statistics of a normalisation go on as it is trained
        weights, state = (
            [v.value for v in part] for part in (model.trainable_variables, model.non_trainable_variables)
        )
        return of_batch(weights, state, x, labels)

    return call


def _torch(model, by_sample):
    import torch

    state = [v.value for v in model.non_trainable_variables]

    def of_sample(weights, x, label):
        x = keras.tree.map_structure(lambda t: t[None], x)
        return by_sample(label[None], model.stateless_call(weights, state, x, training=False)[0])[0]

    def of_batch(x, labels):
        x, labels = keras.tree.map_structure(keras.ops.convert_to_tensor, (x, labels))
        weights = [v.value.detach() for v in model.trainable_variables]
        each = torch.func.vmap(torch.func.grad(of_sample), (None, 0, 0))(weights, x, labels)
        return [(square**2).sum(dim=0) for square in each]

    return of_batch


SQUARES = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
