"""Batches of pictures brought to a size in graph, in the pipeline and in exported models alike."""

import tensorflow as tf


def resize(images, size):
    """Images `(batch, height, width, 3)` of any number type as float32 `(batch, size, size, 3)`.

    Smooth both ways: it averages where pictures shrink.

    Args:
        images: Tensor or array of pixels from 0 to 255.
        size: Side in pixels, or `None` to leave it as it is.

    Example:

    >>> tfdml.data.resize(np.zeros((2, 64, 64, 3), "uint8"), 96).shape
    TensorShape([2, 96, 96, 3])
    """
    images = tf.cast(images, "float32")
    if size is None or images.shape[1:3] == (size, size):
        return images
    return tf.image.resize(images, (size, size), antialias=True)


def fit_images(images, size, fit="crop"):
    """What `tfdml.data.fit_picture` does to one picture, to a batch and in graph.

    Args:
        images: Tensor `(batch, height, width, 3)` of any number type; the sides may be unknown.
        size: Side of the result in pixels.
        fit: `"crop"`, `"pad"` or `"stretch"`. Defaults to `"crop"`.

    Returns:
        float32 `(batch, size, size, 3)`.

    Example:

    >>> tfdml.data.fit_images(np.zeros((2, 30, 50, 3), "uint8"), 16).shape
    TensorShape([2, 16, 16, 3])
    """
    images = tf.cast(images, "float32")
    height, width = tf.unstack(tf.shape(images)[1:3])
    if fit == "crop":
        side = tf.minimum(height, width)
        images = tf.image.crop_to_bounding_box(images, (height - side) // 2, (width - side) // 2, side, side)
    elif fit == "pad":
        side = tf.maximum(height, width)
        top, left = (side - height) // 2, (side - width) // 2
        ends = [[0, 0], [top, side - height - top], [left, side - width - left], [0, 0]]
        images = tf.pad(images, ends, constant_values=255)
    # As OpenCV does there, which the pictures of an image set come from: a search finds what it has seen.
    shrinks = tf.minimum(*tf.unstack(tf.shape(images)[1:3])) > size
    images = tf.cond(
        shrinks,
        lambda: tf.image.resize(images, (size, size), "area"),
        lambda: tf.image.resize(images, (size, size)),
    )
    return tf.ensure_shape(tf.round(images), (None, size, size, 3))
