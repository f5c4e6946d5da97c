"""A small convolutional network to train from scratch."""

import keras
from keras import layers

from tfdml.models.inputs import image_input

# (channels, stride): most of the work is done at a quarter of the height and width, or below
_CONVOLUTIONS = ((32, 2), (64, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2))


def small_cnn(image_size=None, name="small_cnn"):
    """Seven convolutions with batch normalisation, from pixels 0..255 to a map of 256 channels at 1/16."""
    image = image_input(image_size)
    x = layers.Rescaling(1 / 127.5, -1.0, dtype="float32", name="rescaling")(image)
    for i, (channels, stride) in enumerate(_CONVOLUTIONS):
        x = layers.Conv2D(channels, 3, stride, padding="same", use_bias=False, name=f"conv{i}")(x)
        x = layers.BatchNormalization(name=f"conv{i}_bn")(x)
        x = layers.ReLU(name=f"conv{i}_relu")(x)
    return keras.Model(image, x, name=name)
