"""Training on all that was ever seen: the bound that others try to reach."""

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
        self.parts = []

    def start(self, model, scenario):
        super().start(model, scenario)
        self.parts = []

    def training_part(self, task):
        self.parts.append(task.train)
        return joined(self.parts)

    @property
    def nbytes(self):
        return sum(part.nbytes for part in self.parts)
