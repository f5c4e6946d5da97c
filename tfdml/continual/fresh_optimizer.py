"""An optimiser as it was before it took a step, without a new trace of the training function."""

import numpy as np
from keras import ops


class FreshOptimizer:
    """Notes the state of a model's optimiser and gives it back.

    Args:
        model: A compiled model. What a strategy has put around its optimiser is left as it is.
    """

    def __init__(self, model):
        if getattr(model, "optimizer", None) is None:
            raise ValueError(f"Expected model to be compiled, received: {model!r}")
        optimizer = model.optimizer
        if not optimizer.built:
            optimizer.build(model.trainable_variables)
        self.variables = list(innermost(optimizer).variables)
        self.values = [np.array(ops.convert_to_numpy(v)) for v in self.variables]

    def reset(self):
        """Gives the state back."""
        for variable, value in zip(self.variables, self.values, strict=True):
            variable.assign(value)


def innermost(optimizer):
    """The optimiser without what is around it."""
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return optimizer
