"""Checks of the distances that losses share."""

import keras

from tfdml.ops import distance_function


def check_distance(distance):
    """`distance`, a known name or a function; a function may come as its configuration."""
    if isinstance(distance, dict):
        distance = keras.saving.deserialize_keras_object(distance)
    distance_function(distance)
    return distance


def distance_config(distance):
    """What stands for `distance` in a configuration; a function is revived if it is registered with Keras."""
    return distance if isinstance(distance, str) else keras.saving.serialize_keras_object(distance)
