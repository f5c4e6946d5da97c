"""The batches of other replicas, whose samples are keys as well.

Nothing here knows how replicas reach one another. `tfdml.models` knows it of `tf.distribute`, and says so by
`find_replicas_by` when it is imported.
"""

from keras import ops

from tfdml.losses.parts import Whole

_FIND = [lambda: None]


def find_replicas_by(function):
    """Sets how to find the replicas: a function that gives `None` or an object with what follows.

    `gather(x)` concatenates the `x` `(n, ...)` of all replicas, in the same order on all of them, and hands
    gradients back; `place(x)` is the index of the own first row in that, an integer tensor; `count` is the
    number of replicas.
    """
    _FIND[0] = function


def replicas():
    """What is told to `find_replicas_by`; `None` if there is but one replica."""
    return _FIND[0]()


class OfReplicas(Whole):
    """A batch of which each replica has a part."""

    def __init__(self, group, rows):
        self.group = group
        self.size = ops.sum(group.gather(ops.reshape(ops.cast(rows, "int32"), (1,))))

    def reduce(self, function, parts, last):
        return function(self.group.gather(parts))
