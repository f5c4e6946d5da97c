"""A small convolutional network to train from scratch."""

import keras
from keras import layers

from tfdml.models.inputs import image_input

# (channels, stride). It shrinks early: with the second convolution at stride 1 (and the third at 2) a step
# takes twice as long, and fifteen epochs on the emoji set retrieved no better.
_CONVOLUTIONS = ((32, 2), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1))


def small_cnn(image_size=None, width=1.0, name="small_cnn"):
    """Seven convolutions with batch normalisation, from pixels 0..255 to a map of 256 channels at 1/16.

    `width` multiplies the channels.
    """
    image = image_input(image_size)
    x = layers.Rescaling(1 / 127.5, -1.0, dtype="float32", name="rescaling")(image)
    for i, (channels, stride) in enumerate(_CONVOLUTIONS):
        channels = max(1, round(width * channels))
        x = layers.Conv2D(channels, 3, stride, padding="same", use_bias=False, name=f"conv{i}")(x)
        x = layers.BatchNormalization(name=f"conv{i}_bn")(x)
        x = layers.ReLU(name=f"conv{i}_relu")(x)
    return keras.Model(image, x, name=name)
