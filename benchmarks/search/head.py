"""The head of a classifier by neighbours against the product and the choice that nothing can do without."""

import numpy as np

from benchmarks.search.turns import turns

CENTERS, DIM, NEIGHBORS, CLASSES = 100_000, 512, 32, 1000
BATCHES = 64, 256, 1024


def measure(rounds):
    """A row a batch: seconds of `matmul` and `top_k`, and of the head, which also gives probabilities."""
    import tensorflow as tf

    from tfdml.layers import NNGKClassifier

    rng = np.random.default_rng(0)
    centers = rng.normal(size=(CENTERS, DIM)).astype("float32")
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    layer = NNGKClassifier(CLASSES, capacity=CENTERS, neighbors=NEIGHBORS, bandwidth=1.0)
    layer.build((None, DIM))
    layer.set_centers(centers, rng.integers(0, CLASSES, CENTERS))
    stored = tf.Variable(centers)
    bare = tf.function(lambda z: tf.math.top_k(tf.matmul(z, stored, transpose_b=True), NEIGHBORS)[0])
    head = tf.function(lambda z: layer(z))
    for batch in BATCHES:
        z = tf.constant(centers[:batch] + 0.1 * rng.normal(size=(batch, DIM)).astype("float32"))
        sides = {"bare": lambda z=z: bare(z).numpy(), "head": lambda z=z: head(z).numpy()}
        yield {"batch": batch, **turns(sides, rounds)}
