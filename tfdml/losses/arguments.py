"""Checks of the arguments that losses share."""

import numbers

import keras

from tfdml.ops import distance_function


def check_number(name, value, above=None, minimum=None):
    """`value` as a float, if it is a finite number, above `above` or at least `minimum` where given."""
    if (
        not isinstance(value, numbers.Real)
        or isinstance(value, bool)
        or not abs(float(value)) < float("inf")
        or (above is not None and value <= above)
        or (minimum is not None and value < minimum)
    ):
        limits = (("above", above), ("of at least", minimum))
        limit = "".join(f" {words} {number:g}" for words, number in limits if number is not None)
        raise ValueError(f"Expected {name} to be a number{limit}, received: {value!r}")
    return float(value)


def check_count(name, value, others=""):
    """`value`, if it is an integer from 1; `others` are words for what else it may be."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise ValueError(f"Expected {name} to be {others}an integer of at least 1, received: {value!r}")
    return int(value)


def check_name(argument, value, allowed):
    """`value`, if it is one of `allowed`."""
    if value not in allowed:
        names = ", ".join(repr(name) for name in allowed)
        raise ValueError(f"Expected {argument} to be one of {names}, received: {value!r}")
    return value


def check_distance(distance):
    """`distance`, a known name or a function; a function may come as its configuration."""
    if isinstance(distance, dict):
        distance = keras.saving.deserialize_keras_object(distance)
    distance_function(distance)
    return distance


def distance_config(distance):
    """What stands for `distance` in a configuration; a function is revived if it is registered with Keras."""
    return distance if isinstance(distance, str) else keras.saving.serialize_keras_object(distance)
