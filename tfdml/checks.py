"""Checks of the arguments that packages share."""

import numbers


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


def check_count(name, value, others="", least=1):
    """`value`, if it is an integer of `least` at least; `others` are words for what else it may be."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise ValueError(f"Expected {name} to be {others}an integer of at least {least}, received: {value!r}")
    return int(value)


def check_name(argument, value, allowed):
    """`value`, if it is one of `allowed`."""
    if value not in allowed:
        names = ", ".join(repr(name) for name in allowed)
        raise ValueError(f"Expected {argument} to be one of {names}, received: {value!r}")
    return value
