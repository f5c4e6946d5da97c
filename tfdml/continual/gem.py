"""Gradient episodic memory: no step may raise the losses of old tasks."""

import keras
import numpy as np

from tfdml.checks import check_count, check_number
from tfdml.continual.around_optimizer import put_around, take_off
from tfdml.continual.episodic_memories import EpisodicGradients, EpisodicMemories
from tfdml.continual.part import joined
from tfdml.continual.strategy import Strategy


class GEM(Strategy):
    """Keeps samples of each task, and turns each gradient so that it raises the loss of no old task.

    Samples of a task are drawn at random; the paper keeps the last of a stream. A step costs a pass over the
    memory of each old task. It needs TensorFlow as the backend of Keras.

    Args:
        samples: Integer from 1: samples that are kept of each task. Defaults to `256`.
        margin: Float of at least 0: see `tfdml.continual.project_gradient`. Defaults to `0.5`.
        damping: Float above 0: added to the diagonal of the quadratic program. Defaults to `1e-3`.

    Example:

    >>> strategy = tfdml.continual.GEM(samples=100)

    Reference: Lopez-Paz and Ranzato, Gradient Episodic Memory for Continual Learning, NeurIPS 2017.
    """

    def __init__(self, samples=256, margin=0.5, damping=1e-3):
        super().__init__()
        if keras.backend.backend() != "tensorflow":
            backend = keras.backend.backend()
            raise ValueError(f"Expected the backend of Keras to be 'tensorflow', received: {backend!r}")
        self.samples = check_count("samples", samples)
        self.margin = check_number("margin", margin, minimum=0)
        self.damping = check_number("damping", damping, above=0)
        self.parts = []

    def start(self, model, scenario):
        super().start(model, scenario)
        self.parts = []
        around = put_around(model, EpisodicGradients)
        around.margin, around.damping = self.margin, self.damping
        first = joined([scenario.tasks[0].train]).subset([0])
        self.memories = around.memories = EpisodicMemories(model, len(scenario), self.samples, first)
        self._jit_compile, model.jit_compile = model.jit_compile, False  # XLA has no quadratic programs

    def end_task(self, task):
        count = min(self.samples, len(task.train))
        order = np.random.default_rng(task.number).permutation(len(task.train))
        self.parts.append(task.train.subset(order[:count]))
        self.memories.add(self.parts[-1])

    def finish(self):
        take_off(self.model)
        self.model.jit_compile = self._jit_compile

    @property
    def nbytes(self):
        return sum(part.nbytes for part in self.parts)
