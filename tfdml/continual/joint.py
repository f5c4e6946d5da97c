"""Training on all that was ever seen: the bound that others try to reach."""

import numpy as np

from tfdml.continual.part import joined
from tfdml.continual.strategy import Strategy


class JointTraining(Strategy):
    """Keeps every sample, and fits all of them in each task: what could be had without a bound on memory.

    Example:

    >>> strategy = tfdml.continual.JointTraining()
    >>> strategy.nbytes
    0

    Reference: the upper bound of van de Ven and Tolias, Three Scenarios for Continual Learning, 2019.
    """

    def __init__(self):
        super().__init__()
        self.part = None

    def start(self, model, scenario):
        super().start(model, scenario)
        self.part = None

    def training_part(self, task):
        whole = task.train if self.part is None else joined([self.part, task.train])
        # A sample that was in a task before is fitted once.
        self.part = whole.subset(np.unique(whole.index, return_index=True)[1])
        return self.part

    @property
    def nbytes(self):
        return 0 if self.part is None else self.part.nbytes
