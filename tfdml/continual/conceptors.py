"""Conceptor-aided backpropagation: steps are taken in directions that old inputs leave free."""

import keras
import numpy as np
from keras import ops

from tfdml.checks import check_number
from tfdml.continual.around_optimizer import AroundOptimizer, put_around, take_off
from tfdml.continual.strategy import Strategy
from tfdml.metrics.embedding import model_inputs


def conceptor(correlation, aperture):
    """The conceptor `R (R + aperture⁻² I)⁻¹` of a correlation matrix `R`, as an array.

    It is near the identity in the directions in which inputs are large, and near zero in the others.

    Args:
        correlation: `(dim, dim)`, symmetric, without negative eigenvalues. The sum of those of several data
            sets gives the conceptor of one or the other (the OR of He and Jaeger).
        aperture: Float above 0: the larger, the more directions count.

    Example:

    >>> tfdml.continual.conceptor(np.diag([1.0, 0.0]), aperture=10.0).round(2).tolist()
    [[0.99, 0.0], [0.0, 0.0]]

    Reference: Jaeger, Controlling Recurrent Neural Networks by Conceptors, 2014.
    """
    correlation = np.asarray(correlation, "float64")
    aperture = check_number("aperture", aperture, above=0)
    correlation = (correlation + correlation.T) / 2
    # The two commute, so that either order is the same.
    found = np.linalg.solve(correlation + aperture**-2 * np.eye(len(correlation)), correlation)
    return (found + found.T) / 2


@keras.saving.register_keras_serializable(package="tfdml")
class ProjectedSteps(AroundOptimizer):
    """Takes from each step of a dense layer's weights what lies in the directions that are held.

    Steps are projected and not gradients: under SGD that is the same, and under Adam, whose steps point
    elsewhere than gradients, only this leaves the answers to old inputs what they were.
    """

    needs_old = True
    free = None  # by the places of a kernel and of its bias or `None`, a projection `(inputs, inputs)`

    def after(self, grads, old, variables):
        places = {self.slot(v): n for n, v in enumerate(variables)}
        for (kernel, bias), free in (self.free or {}).items():
            if kernel not in places:
                continue
            chosen = [places[slot] for slot in (kernel, bias) if slot is not None and slot in places]
            steps = [ops.subtract(variables[n], old[n]) for n in chosen]
            rows = ops.concatenate([ops.reshape(s, (-1, s.shape[-1])) for s in steps])
            rows = ops.matmul(ops.cast(free, rows.dtype), rows)
            start = 0
            for n, step in zip(chosen, steps, strict=True):
                stop = start + int(np.prod(step.shape[:-1]))
                variables[n].assign(ops.add(old[n], ops.reshape(rows[start:stop], old[n].shape)))
                start = stop


class Conceptors(Strategy):
    """Takes steps of dense layers only in directions in which the inputs of old tasks are small.

    After each task a matrix of the inputs of each dense layer is kept, with a 1 for the bias, and no samples.
    Layers of other kinds that are trained are not held.

    Args:
        aperture: Float above 0: the larger, the more is held. Defaults to `4.0`.

    Formula: the step of the weights of a layer is multiplied by `I - A`, where `A` is the conceptor
    `R (R + aperture⁻² I)⁻¹` of the sum `R` over old tasks of the mean `x xᵀ` of the inputs.

    Example:

    >>> strategy = tfdml.continual.Conceptors(aperture=4.0)

    Reference: He and Jaeger, Overcoming Catastrophic Interference using Conceptor-Aided Backpropagation,
        ICLR 2018.
    """

    def __init__(self, aperture=4.0):
        super().__init__()
        self.aperture = check_number("aperture", aperture, above=0)
        self.correlations = []

    def start(self, model, scenario):
        super().start(model, scenario)
        self.dense = [
            layer for layer in model.layers if isinstance(layer, keras.layers.Dense) and layer.trainable
        ]
        if not self.dense:
            raise ValueError("Expected model to have dense layers that are trained, received: none")
        inputs = [layer.input for layer in self.dense]
        self.inputs_of = keras.Model(model.inputs if _one(model) else model.input, inputs)
        self.optimizer = put_around(model, ProjectedSteps)
        sizes = [int(layer.kernel.shape[0]) + int(layer.use_bias) for layer in self.dense]
        self.correlations = [np.zeros((size, size)) for size in sizes]
        self.optimizer.free = {
            key: keras.Variable(np.eye(size), trainable=False, dtype="float32")
            for key, size in zip(self._keys(), sizes, strict=True)
        }

    def _keys(self):
        slot = self.optimizer.slot
        return [(slot(d.kernel), slot(d.bias) if d.use_bias else None) for d in self.dense]

    def end_task(self, task):
        found = self.inputs_of.predict(model_inputs(self.model, task.train.inputs()), verbose=0)
        found = found if isinstance(found, list) else [found]
        free = self.optimizer.free.values()
        for n, (layer, x, projection) in enumerate(zip(self.dense, found, free, strict=True)):
            x = x.reshape(-1, x.shape[-1]).astype("float64")
            x = np.concatenate([x, np.ones((len(x), 1))], axis=1) if layer.use_bias else x
            self.correlations[n] = self.correlations[n] + x.T @ x / len(x)
            held = conceptor(self.correlations[n], self.aperture)
            projection.assign((np.eye(len(held)) - held).astype("float32"))
        if keras.backend.backend() == "jax":  # which holds values of the trace
            self.model.train_function = None

    def finish(self):
        take_off(self.model)

    @property
    def nbytes(self):
        return sum(4 * matrix.size for matrix in self.correlations)


def _one(model):
    return isinstance(model, keras.Sequential)
