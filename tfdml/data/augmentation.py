"""Keras' random layers in a `tf.data` pipeline, with random numbers that depend on the batch alone."""

import keras
import tensorflow as tf


def seeded(layers, seed):
    """A function `(images, number) -> images` that applies `layers`, reproducibly for each batch number.

    A Keras layer draws its random numbers from a state that counts its calls, so an interrupted run
    would go on with other numbers than one that was not. Setting the state from the number of the
    batch makes the two equal.
    """
    layers = list(layers)
    for layer in layers:
        if not isinstance(layer, keras.layers.Layer):
            raise ValueError(f"Expected augment to be a list of Keras layers, received: {layer!r}")
    generators = [g for layer in layers for g in _generators(layer)]

    def transform(images, number):
        for place, generator in enumerate(generators):
            state = tf.stack([tf.cast(seed * 1000 + place, "int64"), number * 1000])
            generator.state.assign(tf.cast(state, generator.state.dtype))
        for layer in layers:
            images = layer(images, training=True)
        return images

    return transform


def _generators(layer):
    """The random state of a layer and of the layers inside it."""
    own = getattr(layer, "generator", None) or getattr(layer, "seed_generator", None)
    inner = [g for part in getattr(layer, "layers", ()) for g in _generators(part)]
    return [own, *inner] if isinstance(own, keras.random.SeedGenerator) else inner
