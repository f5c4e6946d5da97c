"""The networks of `keras.applications`, their own preprocessing made part of the model."""

import inspect
import warnings

import keras
import numpy as np
from keras import layers

from tfdml.models.inputs import image_input


def application_names():
    """The names of the constructors in `keras.applications`."""
    return [name for name, _ in inspect.getmembers(keras.applications, inspect.isfunction)]


def application(name, weights=None, image_size=None):
    """A network of `keras.applications` without its classifier, from pixels 0..255 to a feature map."""
    constructor = getattr(keras.applications, name)
    image = image_input(image_size)
    x = _preprocessed(image, inspect.getmodule(constructor).preprocess_input)
    try:
        with warnings.catch_warnings():  # of weights made at another size, as all weights for any size are
            warnings.filterwarnings("ignore", message="`input_shape` is undefined or non-square")
            network = constructor(include_top=False, weights=weights, input_tensor=x)
    except Exception as error:
        if "fetch failure" not in str(error):
            raise
        raise ValueError(
            f'Expected the weights "imagenet" of {name} to be fetched from the internet, received: {error}. '
            'weights=None starts without them; "efficientnet_lite0" has weights that come by pip'
        ) from error
    return keras.Model(image, network.output, name=name.lower())


def _preprocessed(image, preprocess_input):
    """Pixels as the network wants them. What `preprocess_input` does is affine: four pixels tell it all."""
    pixels = np.concatenate([np.zeros((1, 3)), np.eye(3)]).astype("float32")[:, None, None, :]
    zero, *ones = np.asarray(preprocess_input(pixels.copy(), data_format="channels_last"))[:, 0, 0]
    matrix = np.stack(ones) - zero
    if matrix[0, 0] == 0:  # Caffe's order: blue, green, red
        image, matrix = keras.ops.flip(image, axis=-1), matrix[::-1]
    scale, offset = matrix.diagonal(), zero
    if (scale == 1).all() and (offset == 0).all():
        return image  # the network does it itself
    return layers.Rescaling(
        [float(s) for s in scale], [float(o) for o in offset], dtype="float32", name="preprocessing"
    )(image)
