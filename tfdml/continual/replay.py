"""Replay: some old samples beside the new ones."""

import numpy as np

from tfdml.checks import check_count, check_name, check_number
from tfdml.continual.buffers import ClassBalanced, Reservoir
from tfdml.continual.part import joined
from tfdml.continual.strategy import Strategy

BUFFERS = {"reservoir": Reservoir, "balanced": ClassBalanced}


class Replay(Strategy):
    """Keeps a buffer of old samples, and fits them beside those of the task.

    Args:
        capacity: Integer from 1: samples that are kept.
        buffer: `"balanced"`: as many of each class; `"reservoir"`: each sample with the same probability.
            Defaults to `"balanced"`.
        share: Float above 0 and below 1: the share of old samples among those that are fitted, drawn from the
            buffer again and again where it has fewer. Defaults to `0.5`.
        seed: Integer. Defaults to `0`.

    Example:

    >>> strategy = tfdml.continual.Replay(200, buffer="reservoir")

    Reference: Chaudhry et al., On Tiny Episodic Memories in Continual Learning, 2019; Rolnick et al.,
        Experience Replay for Continual Learning, NeurIPS 2019.
    """

    def __init__(self, capacity, buffer="balanced", share=0.5, seed=0):
        super().__init__()
        self.capacity = check_count("capacity", capacity)
        self.kind, self.seed = check_name("buffer", buffer, tuple(BUFFERS)), int(seed)
        self.share = check_number("share", share, above=0)
        if self.share >= 1:
            raise ValueError(f"Expected share to be below 1, received: {share}")
        self.buffer = None

    def start(self, model, scenario):
        super().start(model, scenario)
        self.buffer = BUFFERS[self.kind](self.capacity, self.seed)

    def training_part(self, task):
        old = self.buffer.part
        if old is None:
            return task.train
        rng = np.random.default_rng((self.seed, task.number))
        count = round(len(task.train) * self.share / (1 - self.share))
        # Each of the buffer as often as the others, to one.
        turns = [rng.permutation(len(old)) for _ in range(1 + count // len(old))]
        return joined([task.train, old.subset(np.concatenate(turns)[:count])])

    def end_task(self, task):
        self.buffer.add(task.train)

    @property
    def nbytes(self):
        return 0 if self.buffer is None or self.buffer.part is None else self.buffer.part.nbytes
