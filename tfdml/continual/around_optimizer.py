"""An optimiser around another one, which sees gradients before and steps after."""

import keras
from keras import ops


class AroundOptimizer(keras.optimizers.Optimizer):
    """Leaves steps to another optimiser. A subclass changes gradients in `before`, and weights in `after`.

    Args:
        inner_optimizer: A `keras.optimizers.Optimizer`.
        name: Name of the optimiser.
    """

    needs_old = False  # whether `after` wants the weights from before the step

    def __init__(self, inner_optimizer, name=None):
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer = inner_optimizer

    def build(self, variables):
        if not self.inner_optimizer.built:
            self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def variables(self):
        return self._variables + self.inner_optimizer.variables

    def apply(self, grads, trainable_variables=None):
        variables = list(trainable_variables or self._trainable_variables)
        if not self.built:
            self.build(variables)
        grads = self.before(list(grads), variables)
        # Copies: Torch changes weights in place.
        old = [ops.copy(ops.convert_to_tensor(v)) for v in variables] if self.needs_old else None
        self.inner_optimizer.apply(grads, variables)
        self.after(grads, old, variables)

    def before(self, grads, variables):
        """The gradients that the step is to take."""
        return grads

    def after(self, grads, old, variables):
        """Called after the step."""

    def slot(self, variable):
        """The place of a variable among those the optimiser was built with."""
        return self._get_variable_index(variable)

    @property
    def learning_rate(self):
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    def scale_loss(self, loss):
        return self.inner_optimizer.scale_loss(loss)

    def finalize_variable_values(self, var_list):
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self):
        inner = keras.saving.serialize_keras_object(self.inner_optimizer)
        return {"name": self.name, "inner_optimizer": inner}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        inner = keras.saving.deserialize_keras_object(config["inner_optimizer"], custom_objects)
        return cls(**{**config, "inner_optimizer": inner})


def put_around(model, make):
    """Puts an optimiser around that of a compiled model; the new one.

    That which scales losses for float16 stays outermost, so that gradients are those of the loss.
    """
    optimizer = model.optimizer
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer.inner_optimizer = around = make(optimizer.inner_optimizer)
    else:
        if optimizer.loss_scale_factor is not None:
            raise ValueError(
                "Expected the optimizer to have no loss_scale_factor, received: "
                f"{optimizer.loss_scale_factor}"
            )
        model.optimizer = around = make(optimizer)
    if not around.built:
        around.build(model.trainable_variables)
    model.train_function = None
    return around


def take_off(model):
    """Gives a model back the optimiser that one was put around."""
    optimizer = model.optimizer
    if isinstance(optimizer, AroundOptimizer):
        model.optimizer = optimizer.inner_optimizer
    elif isinstance(getattr(optimizer, "inner_optimizer", None), AroundOptimizer):
        optimizer.inner_optimizer = optimizer.inner_optimizer.inner_optimizer
    model.train_function = None
