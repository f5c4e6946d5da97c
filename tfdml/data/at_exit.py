"""What the threads of TensorFlow ask of Python comes to rest before Python ends.

An iterator that is still there when the program ends waits for its threads, and they for a Python that
answers no more: the process would hang or abort.
"""

import atexit
import os
import threading

QUIET = 0.1  # seconds without a call, after which none is on its way


class Calls:
    """How many calls of a process are under way, and whether there may be more."""

    def __init__(self):
        self._changed, self._made, self._under_way, self._over = threading.Condition(), 0, 0, False

    def begin(self):
        """Whether a call may be made; `end` must follow it."""
        with self._changed:
            self._made += 1
            self._under_way += 1
            return not self._over

    def end(self):
        with self._changed:
            self._under_way -= 1
            self._changed.notify()

    def settle(self):
        """Waits for the calls under way, and those on their way; there may be no more."""
        with self._changed:
            self._over = True
            while self._made and (self._changed.wait(QUIET) or self._under_way):
                pass


_calls = Calls()


def settling(instead):
    """Decorates a function that `tf.numpy_function` calls: at the end of the program it is waited for.

    Args:
        instead: What the function gives once the program ends, when nobody is there to look at it.
    """

    def decorate(function):
        def call(*args):
            calls = _calls
            try:
                return function(*args) if calls.begin() else instead
            finally:
                calls.end()

        return call

    return decorate


@atexit.register
def _settle():
    _calls.settle()


def _forget():
    global _calls
    _calls = Calls()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # the threads of the parent are not here
