"""Keras' random layers in a `tf.data` pipeline, with random numbers that depend on the batch alone."""

import keras
import tensorflow as tf


def seeded(layers, seed):
    """A function `(images, number) -> images` that applies `layers`, reproducibly for each batch number.

    A Keras layer draws its random numbers from a state that counts its calls, so an interrupted run
    would go on with other numbers than one that was not. Here the state is an argument, made from the
    number of the batch, and what a layer would leave in it is dropped: that makes the two runs equal,
    and lets several batches be worked on at once.
    """
    layers = list(layers)
    for layer in layers:
        if not isinstance(layer, keras.layers.Layer):
            raise ValueError(f"Expected augment to be a list of Keras layers, received: {layer!r}")
    variables = [g.state for layer in layers for g in _generators(layer)]

    def transform(images, number):
        states = [
            (
                variable,
                tf.cast(tf.stack([tf.cast(seed * 1000 + place, "int64"), number * 1000]), variable.dtype),
            )
            for place, variable in enumerate(variables)
        ]
        with keras.StatelessScope(states):
            for layer in layers:
                images = layer(images, training=True)
        return images

    return transform


def _generators(layer):
    """The random state of a layer and of the layers inside it."""
    own = getattr(layer, "generator", None) or getattr(layer, "seed_generator", None)
    inner = [g for part in getattr(layer, "layers", ()) for g in _generators(part)]
    return [own, *inner] if isinstance(own, keras.random.SeedGenerator) else inner
