"""Losses that layers add, under `tf.distribute` too."""

import threading
import weakref

from tfdml.losses.replicas import replicas

_STEP = threading.local()  # each replica of a process has a thread


class AddsLoss:
    """For layers that add a loss of `tfdml.losses`: gives each replica its own.

    Keras keeps what a layer adds in one list for all replicas. Where they wait for one another in the middle
    of a step, as they do to share their samples, one would find the losses of another in it.
    """

    def add_reduced(self, loss):
        """Adds a loss that its class has reduced."""
        group = replicas()
        if group is not None:
            # Keras has divided it by the number of replicas, and does so once more with what layers add.
            loss = loss * group.count
            _own_losses()[self] = loss
        self.add_loss(loss)

    def _get_own_losses(self):
        if replicas() is None:
            return super()._get_own_losses()
        return [loss for layer, loss in _own_losses().items() if layer is self]

    def _clear_losses(self):
        super()._clear_losses()
        _own_losses().pop(self, None)


def _own_losses():
    """What layers have added for the replica of this thread."""
    if not hasattr(_STEP, "losses"):
        _STEP.losses = weakref.WeakKeyDictionary()
    return _STEP.losses
