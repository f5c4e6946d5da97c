"""Elastic weight consolidation: weights that old tasks need are held."""

import numpy as np
from keras import ops

from tfdml.checks import check_count, check_number
from tfdml.continual import penalty
from tfdml.continual.fisher import FisherInformation
from tfdml.continual.strategy import Strategy


class EWC(Strategy):
    """Adds a loss that holds each weight near its value after old tasks, by how much they depend on it.

    Args:
        strength: Float of at least 0: `λ`. Defaults to `100.0`.
        decay: Float from 0 to 1: the importance of before is multiplied by it, and all weights are held near
            their last values (online EWC); or `None`: the penalties of all tasks are added, each around the
            weights after that task. Defaults to `None`.
        samples: Integer from 1: samples of a task that the Fisher information is the mean of. Defaults to
            `None`: all.
        seed: Integer. Defaults to `0`.

    Formula: `λ/2 · sum_tasks sum_i F_i (θ_i - θ*_i)²`, where `F` is the diagonal of the Fisher information of
    the task at the weights `θ*` after it: see `tfdml.continual.diagonal_fisher`. The sum over tasks is kept
    as one quadratic, which it is.

    Example:

    >>> strategy = tfdml.continual.EWC(strength=1000.0, samples=200)

    Reference: Kirkpatrick et al., Overcoming catastrophic forgetting in neural networks, PNAS 2017; Schwarz
        et al., Progress & Compress, ICML 2018 (online).
    """

    def __init__(self, strength=100.0, decay=None, samples=None, seed=0):
        super().__init__()
        self.strength = check_number("strength", strength, minimum=0)
        self.decay = None if decay is None else check_number("decay", decay, minimum=0)
        if self.decay is not None and self.decay > 1:
            raise ValueError(f"Expected decay to be up to 1, received: {decay}")
        self.samples = None if samples is None else check_count("samples", samples)
        self.seed, self.penalties = int(seed), []

    def start(self, model, scenario):
        super().start(model, scenario)
        self.penalties = penalty.attach(model, self.strength / 2)
        self.fisher = FisherInformation(model)

    def end_task(self, task):
        part = task.train
        if self.samples is not None and self.samples < len(part):
            rng = np.random.default_rng((self.seed, task.number))
            part = part.subset(rng.permutation(len(part))[: self.samples])
        fisher = self.fisher(part)
        for own, importance, now in zip(self.penalties, fisher, penalty.values(self.model), strict=True):
            if self.decay is None:
                own.add(importance, now)
            else:
                own.set(ops.add(self.decay * own.importance, importance), now)
        penalty.trace_anew(self.model)

    def finish(self):
        penalty.detach(self.model)

    @property
    def nbytes(self):
        return sum(2 * 4 * int(np.prod(own.shape)) for own in self.penalties)
