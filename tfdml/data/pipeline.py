"""From a plan of batches to tensors: several batches are read at once, and come in order."""

import functools
import itertools
import os
import threading

import numpy as np
import tensorflow as tf

from tfdml.data.at_exit import settling
from tfdml.data.augmentation import seeded
from tfdml.data.resizing import resize

# Batches that are read at once, one a core: more would only keep the first of an epoch waiting for longer.
READERS = max(2, min(8, os.cpu_count() or 1))
IN_FLIGHT = 2**29  # bytes that these may take; one batch may take more


def pipeline(
    image_set, plan, steps, batch_size, shards, *, equal, seed, start_batch, augment, image_size, index
):
    """A `tf.data.Dataset` whose passes are the epochs of a plan, one after another.

    Args:
        image_set: An `ImageSet`.
        plan: Function from the number of an epoch to its batches: `steps` arrays of positions in the set.
        steps: Batches in an epoch.
        batch_size: Images in a batch, of all shards.
        shards: A `Shards`.
        equal: Whether the last batch has as many as the others.
        seed, start_batch, augment, image_size, index: As in `balanced_batches`.
    """
    if start_batch < 0:
        raise ValueError(f"Expected start_batch to be 0 or more, received: {start_batch}")
    turns = shards.turns
    first_epoch, skipped = divmod(start_batch, max(steps, 1))
    epochs, planned = itertools.count(first_epoch), _Remembered(plan)

    @settling(np.zeros(2, "int64"))
    def next_epoch():
        epoch = next(epochs)
        first = epoch * steps + (skipped if epoch == first_epoch else 0)
        return np.array([first, (epoch + 1) * steps], "int64") * turns

    def numbers(_):
        first, last = tf.unstack(tf.ensure_shape(tf.numpy_function(next_epoch, [], tf.int64), [2]))
        return tf.data.Dataset.range(first, last)

    rows = batch_size // shards.count if equal else None
    none = np.zeros(rows or 0, "int64")

    @settling((none, np.zeros((len(none), *image_set.image_shape), "uint8"), none))
    def read(number):
        batch, turn = divmod(int(number), turns)
        epoch, step = divmod(batch, steps)
        indices = shards.cut(planned(epoch)[step], turn)
        return indices.astype("int64"), image_set.images(indices), image_set.labels[indices]

    transform = seeded(augment, seed) if augment else None

    def load(number):
        indices, images, labels = tf.numpy_function(read, [number], [tf.int64, tf.uint8, tf.int64])
        indices, labels = tf.ensure_shape(indices, [rows]), tf.ensure_shape(labels, [rows])
        images = tf.cast(tf.ensure_shape(images, [rows, *image_set.image_shape]), "float32")
        if transform is not None:
            # What is drawn for one part of a batch is not drawn again for another.
            images = transform(images, number // turns * shards.count + shards.first + number % turns)
        images = resize(images, image_size)
        return ({"image": images, "index": indices} if index else images), labels

    readers = _readers(batch_size // shards.count, image_set.image_shape, image_size)
    batches = tf.data.Dataset.range(1).flat_map(numbers).map(load, readers, deterministic=True)
    if not skipped and turns == 1:  # Keras takes the cardinality for the steps of all replicas together
        batches = batches.apply(tf.data.experimental.assert_cardinality(steps))
    options = tf.data.Options()
    # Threads of its own: while those of TensorFlow, one a core, wait for a disk, the model waits for them.
    options.threading.private_threadpool_size = readers
    options.experimental_optimization.inject_prefetch = False  # what is in flight is bounded by the readers
    return batches.with_options(options)


def _readers(rows, shape, image_size):
    height, width, channels = shape
    pixels = height * width + 4 * max(height * width, (image_size or 0) ** 2)  # as bytes, and as float32
    return max(1, min(READERS, IN_FLIGHT // (rows * pixels * channels)))


class _Remembered:
    """A plan whose last epochs are kept: every batch asks, and several threads at once."""

    def __init__(self, plan):
        self._plan, self._lock = functools.lru_cache(maxsize=2)(plan), threading.Lock()

    def __call__(self, epoch):
        with self._lock:  # so that one thread makes it, and the others wait
            return self._plan(epoch)
