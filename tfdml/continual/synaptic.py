"""Synaptic intelligence: weights that made the loss fall are held."""

import keras
import numpy as np
from keras import ops

from tfdml.checks import check_number
from tfdml.continual import penalty
from tfdml.continual.around_optimizer import AroundOptimizer, put_around, take_off
from tfdml.continual.strategy import Strategy


@keras.saving.register_keras_serializable(package="tfdml")
class PathIntegral(AroundOptimizer):
    """Sums over the steps what each weight made the loss fall by: `w_k -= g_k · (step of θ_k)`.

    The gradient is that of the loss without the penalty of `SynapticIntelligence`.
    """

    needs_old = True

    def build(self, variables):
        super().build(variables)
        self.path = [self.add_variable_from_reference(v, name="path") for v in variables]

    def after(self, grads, old, variables):
        for gradient, before, variable in zip(grads, old, variables, strict=True):
            if gradient is None:
                continue
            gradient = ops.convert_to_tensor(gradient)  # of an embedding they are rows
            if isinstance(variable.regularizer, penalty.QuadraticPenalty):
                gradient = gradient - ops.cast(variable.regularizer.gradient(before), gradient.dtype)
            step = ops.subtract(variable, before)
            self.path[self.slot(variable)].assign_sub(ops.multiply(gradient, step))


class SynapticIntelligence(Strategy):
    """Adds a loss that holds each weight near its value, by how much it made the losses of old tasks fall.

    The importance of a weight is gathered as the model is trained, in no pass of its own.

    Args:
        strength: Float of at least 0: `c`. Defaults to `0.1`.
        damping: Float above 0: `ξ`. Defaults to `1e-3`.

    Formula: `c · sum_k Ω_k (θ_k - θ*_k)²`, where `θ*` are the weights after the last task, and each task adds
    `max(0, w_k) / ((θ*_k - θ_k at its beginning)² + ξ)` to `Ω_k`; `w_k` is the sum over steps of the gradient
    times the step, with the sign turned.

    Example:

    >>> strategy = tfdml.continual.SynapticIntelligence(strength=0.1)

    Reference: Zenke, Poole and Ganguli, Continual Learning Through Synaptic Intelligence, ICML 2017.
    """

    def __init__(self, strength=0.1, damping=1e-3):
        super().__init__()
        self.strength = check_number("strength", strength, minimum=0)
        self.damping = check_number("damping", damping, above=0)
        self.penalties, self.began = [], []

    def start(self, model, scenario):
        super().start(model, scenario)
        self.penalties = penalty.attach(model, self.strength)
        self.optimizer = put_around(model, PathIntegral)

    def begin_task(self, task):
        super().begin_task(task)
        self.began = penalty.values(self.model)
        for path in self.optimizer.path:
            path.assign(ops.zeros(path.shape, path.dtype))

    def end_task(self, task):
        now = penalty.values(self.model)
        for own, variable, before, after in zip(
            self.penalties, self.model.trainable_variables, self.began, now, strict=True
        ):
            path = ops.cast(self.optimizer.path[self.optimizer.slot(variable)], "float32")
            gained = ops.maximum(path, 0) / (ops.square(after - before) + self.damping)
            own.set(ops.add(own.importance, gained), after)
        penalty.trace_anew(self.model)

    def finish(self):
        penalty.detach(self.model)
        take_off(self.model)

    @property
    def nbytes(self):
        """Importance, anchor, path, and the weights at the beginning of a task."""
        return sum(4 * 4 * int(np.prod(own.shape)) for own in self.penalties)
