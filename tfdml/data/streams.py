"""Image sets as `tf.data`: balanced batches to train on, ordered batches to evaluate."""

import itertools

import numpy as np
import tensorflow as tf

from tfdml.data.augmentation import seeded
from tfdml.data.resizing import resize
from tfdml.data.sampler import BalancedSampler


def balanced_batches(
    image_set,
    classes_per_batch,
    images_per_class,
    *,
    seed=0,
    start_batch=0,
    augment=(),
    image_size=None,
    index=True,
):
    """One epoch of class-balanced batches as a `tf.data.Dataset`; each pass over it is the next epoch.

    Every image is seen once in an epoch before any of its class is seen twice (`BalancedSampler` tells
    what the class sizes leave no choice about). The seed decides everything, the augmentation too.

    Args:
        image_set: An `ImageSet`.
        classes_per_batch: Different classes in a batch, from 1 to the number of classes.
        images_per_class: Images of each, 1 or more; a class that has fewer repeats them.
        seed: Integer. Defaults to `0`.
        start_batch: Batches that an interrupted run has already seen, over all epochs. Defaults to `0`.
        augment: Keras layers that change the pictures at random, in order. They should know that
            pixels go from 0 to 255 (`value_range=(0, 255)`). Defaults to none.
        image_size: Side in pixels that the pictures are brought to. Defaults to the size they have.
        index: Whether to give the position of each image in the set. Defaults to `True`.

    Returns:
        A dataset of `({"image": float32 (batch, height, width, 3), "index": int64 (batch,)},
        label int64 (batch,))`, or of `(image, label)` where `index=False`.

    Example:

    >>> emoji = tfdml.data.load("emoji", split="train")
    >>> inputs, label = next(iter(emoji.balanced_batches(8, 4)))
    >>> inputs["image"].shape, len(set(label.numpy()))
    (TensorShape([32, 64, 64, 3]), 8)
    """
    sampler = BalancedSampler(image_set.labels, classes_per_batch, images_per_class, seed)
    first_epoch, skipped = divmod(start_batch, sampler.steps)
    epochs = itertools.count(first_epoch)

    def epoch():
        number = next(epochs)
        first = skipped if number == first_epoch else 0
        for step, indices in enumerate(sampler.epoch(number)[first:], first):
            yield number * sampler.steps + step, indices, image_set.images(indices), image_set.labels[indices]

    size = classes_per_batch * images_per_class
    batches = tf.data.Dataset.from_generator(epoch, output_signature=_signature(image_set, size))
    transform = seeded(augment, seed) if augment else None
    # One after another: the layers' random state is set for each batch, which parallel calls would mix.
    batches = batches.map(lambda *batch: _finish(*batch, transform, image_size, index))
    if not skipped:
        batches = batches.apply(tf.data.experimental.assert_cardinality(sampler.steps))
    return batches.prefetch(2)


def ordered_batches(image_set, batch_size=128, *, image_size=None, index=True):
    """Every image of a set once, in order, as a `tf.data.Dataset`; the last batch may be smaller.

    Args and batches are as in `balanced_batches`.

    Example:

    >>> emoji = tfdml.data.load("emoji", split="validation")
    >>> sum(len(label) for _, label in emoji.ordered_batches(64)) == len(emoji)
    True
    """
    if batch_size < 1:
        raise ValueError(f"Expected batch_size to be 1 or more, received: {batch_size}")

    def epoch():
        for step, first in enumerate(range(0, len(image_set), batch_size)):
            indices = np.arange(first, min(first + batch_size, len(image_set)))
            yield step, indices, image_set.images(indices), image_set.labels[indices]

    batches = tf.data.Dataset.from_generator(epoch, output_signature=_signature(image_set, None))
    batches = batches.map(lambda *batch: _finish(*batch, None, image_size, index))
    steps = -(-len(image_set) // batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)


def _signature(image_set, batch):
    return (
        tf.TensorSpec((), tf.int64),
        tf.TensorSpec((batch,), tf.int64),
        tf.TensorSpec((batch, *image_set.image_shape), tf.uint8),
        tf.TensorSpec((batch,), tf.int64),
    )


def _finish(number, indices, images, labels, transform, image_size, index):
    images = tf.cast(images, "float32")
    if transform is not None:
        images = transform(images, number)
    images = resize(images, image_size)
    return ({"image": images, "index": indices} if index else images), labels
