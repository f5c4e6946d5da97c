"""Which rows of a batch are whose, where several replicas train on one batch."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Shards:
    """The parts of each batch that one pipeline gives, one after another.

    Attributes:
        first: Place of its first part among all.
        turns: Parts that it gives.
        count: Parts that a batch is cut into.
    """

    first: int = 0
    turns: int = 1
    count: int = 1

    @classmethod
    def of(cls, shard):
        """From what a stream is given: `None`, `(index, count)` or a `tf.distribute.InputContext`."""
        if shard is None:
            return cls()
        if isinstance(shard, tf.distribute.InputContext):
            # A pipeline may feed several replicas, which take its batches in turn.
            each = shard.num_replicas_in_sync // shard.num_input_pipelines
            return cls(shard.input_pipeline_id * each, each, shard.num_replicas_in_sync)
        pair = tuple(shard) if isinstance(shard, tuple | list) else ()
        whole = len(pair) == 2 and all(isinstance(number, int | np.integer) for number in pair)
        if not (whole and 0 <= pair[0] < pair[1]):
            raise ValueError(
                "Expected shard to be (index, count) with index from 0 and below count, or a "
                f"tf.distribute.InputContext, received: {shard!r}"
            )
        return cls(int(pair[0]), 1, int(pair[1]))

    def check(self, name, size):
        """Raises unless `size` things can be dealt out evenly."""
        if size % self.count:
            raise ValueError(f"Expected {name} to be a multiple of the {self.count} shards, received: {size}")

    def cut(self, rows, turn):
        """The rows of the part that has its turn. Of a last, smaller batch the last parts have fewer."""
        return np.array_split(rows, self.count)[self.first + turn]
