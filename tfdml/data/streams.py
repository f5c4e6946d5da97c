"""Image sets as `tf.data`: balanced or shuffled batches to train on, ordered batches to evaluate."""

import numpy as np

from tfdml.data.pipeline import pipeline
from tfdml.data.sampler import BalancedSampler
from tfdml.data.sharding import Shards


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
    shard=None,
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
        shard: Which part of each batch to give, for replicas that train on one batch together:
            `(index, count)`, or the `tf.distribute.InputContext` that
            `strategy.distribute_datasets_from_function` hands out. A part is whole classes, so
            `classes_per_batch`, which counts those of all parts, must be a multiple of their number.
            Only the rows of the part are read. Defaults to `None`: whole batches.

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
    shards = Shards.of(shard)
    shards.check("classes_per_batch", classes_per_batch)
    return pipeline(
        image_set,
        sampler.epoch,
        sampler.steps,
        classes_per_batch * images_per_class,
        shards,
        equal=True,
        seed=seed,
        start_batch=start_batch,
        augment=augment,
        image_size=image_size,
        index=index,
    )


def shuffled_batches(
    image_set,
    batch_size=128,
    *,
    seed=0,
    start_batch=0,
    augment=(),
    image_size=None,
    index=True,
    drop_remainder=False,
    shard=None,
):
    """Every image once an epoch, in random order, as a `tf.data.Dataset`; each pass is the next epoch.

    Args:
        image_set: An `ImageSet` of one image or more.
        batch_size: Images in a batch, 1 or more. Defaults to `128`.
        seed, start_batch, augment, image_size, index: As in `balanced_batches`.
        drop_remainder: Whether to leave out what does not fill a last batch, other images in each epoch.
            Defaults to `False`: the last batch may be smaller.
        shard: As in `balanced_batches`; `batch_size`, which counts the images of all parts, must be a
            multiple of their number. Of a last batch that is smaller some parts may be smaller than
            others, or empty.

    Returns:
        A dataset as that of `balanced_batches`.

    Example:

    >>> emoji = tfdml.data.load("emoji", split="validation")
    >>> batches = tfdml.data.shuffled_batches(emoji, 64)
    >>> seen = np.concatenate([inputs["index"] for inputs, label in batches])
    >>> np.array_equal(np.sort(seen), np.arange(len(emoji)))
    True
    """
    count = len(image_set)
    steps, shards = _steps(count, batch_size, drop_remainder), _even(shard, batch_size)
    if not steps:
        least = batch_size if drop_remainder else 1
        raise ValueError(f"Expected image_set to have {least} images or more, received: {count}")

    def plan(epoch):
        order = np.random.default_rng([seed, epoch]).permutation(count)
        return _slices(order, batch_size)

    return pipeline(
        image_set,
        plan,
        steps,
        batch_size,
        shards,
        equal=drop_remainder or count % batch_size == 0,
        seed=seed,
        start_batch=start_batch,
        augment=augment,
        image_size=image_size,
        index=index,
    )


def ordered_batches(image_set, batch_size=128, *, image_size=None, index=True, shard=None):
    """Every image of a set once, in order, as a `tf.data.Dataset`; the last batch may be smaller.

    Args and batches are as in `shuffled_batches`.

    Example:

    >>> emoji = tfdml.data.load("emoji", split="validation")
    >>> sum(len(label) for _, label in emoji.ordered_batches(64)) == len(emoji)
    True
    """
    count = len(image_set)
    steps, shards = _steps(count, batch_size), _even(shard, batch_size)
    return pipeline(
        image_set,
        lambda epoch: _slices(np.arange(count), batch_size),
        steps,
        batch_size,
        shards,
        equal=False,
        seed=0,
        start_batch=0,
        augment=(),
        image_size=image_size,
        index=index,
    )


def _steps(count, batch_size, drop_remainder=False):
    if batch_size < 1:
        raise ValueError(f"Expected batch_size to be 1 or more, received: {batch_size}")
    return count // batch_size if drop_remainder else -(-count // batch_size)


def _even(shard, batch_size):
    shards = Shards.of(shard)
    shards.check("batch_size", batch_size)
    return shards


def _slices(order, size):
    return [order[first : first + size] for first in range(0, len(order), size)]
