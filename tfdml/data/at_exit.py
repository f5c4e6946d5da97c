"""What the threads of TensorFlow ask of Python comes to rest before Python ends.

An iterator that is still there when the program ends waits for its threads, and they for a Python that
answers no more: the process would hang or abort.
"""

import atexit
import functools
import os
import threading

QUIET = 0.1  # seconds without a call, after which none is on its way


class Calls:
    """How many calls of a process are under way, and whether there may be more."""

    def __init__(self):
        self._changed, self._made, self._under_way, self._over = threading.Condition(), 0, 0, False

    def __enter__(self):
        with self._changed:
            if self._over:
                self._changed.notify()
                raise RuntimeError("the program ends")
            self._made += 1
            self._under_way += 1

    def __exit__(self, *_):
        with self._changed:
            self._under_way -= 1
            self._changed.notify()

    def settle(self):
        """Waits for the calls under way; those that are still to come are refused."""
        with self._changed:
            self._over = True
            while self._made and (self._changed.wait(QUIET) or self._under_way):
                pass


_calls = Calls()


def settling(function):
    """The function, for `tf.numpy_function`: waited for at the end of the program, and refused after that."""

    @functools.wraps(function)
    def call(*args):
        with _calls:
            return function(*args)

    return call


@atexit.register
def _settle():
    _calls.settle()


def _forget():
    global _calls
    _calls = Calls()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # the threads of the parent are not here
