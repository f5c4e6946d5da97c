"""Quadratic penalties that hold weights near what they were, as losses of the variables."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfdml")
class QuadraticPenalty(keras.regularizers.Regularizer):
    """`strength * (sum_i importance_i (x_i - anchor_i)² + rest)`, beside a regulariser that was there before.

    Several quadratics are one: `add` joins another, exactly.

    Args:
        shape: Shape of the variable.
        strength: Float of at least 0.
        own: The regulariser that the variable has of its own, or `None`.
    """

    def __init__(self, shape, strength, own=None):
        self.shape, self.strength, self.own = tuple(shape), float(strength), own

        def state(shape):
            return keras.Variable(ops.zeros(shape, "float32"), trainable=False, dtype="float32")

        self.importance, self.anchor, self.rest = state(self.shape), state(self.shape), state(())

    def __call__(self, x):
        apart = ops.subtract(ops.cast(x, "float32"), self.anchor)
        value = self.strength * (ops.sum(self.importance * ops.square(apart)) + self.rest)
        return value if self.own is None else value + ops.cast(self.own(x), "float32")

    def gradient(self, x):
        """The gradient of the penalty alone at `x`."""
        apart = ops.subtract(ops.cast(x, "float32"), self.anchor)
        return 2 * self.strength * ops.multiply(self.importance, apart)

    def set(self, importance, anchor):
        """Replaces the quadratic."""
        self.importance.assign(importance)
        self.anchor.assign(anchor)
        self.rest.assign(0.0)

    def add(self, importance, anchor):
        """Joins another one: `a (x - p)² + b (x - q)² = (a + b)(x - m)² + a b / (a + b) (p - q)²`."""
        a, b = ops.convert_to_tensor(self.importance), ops.cast(importance, "float32")
        p, q = ops.convert_to_tensor(self.anchor), ops.cast(anchor, "float32")
        total = ops.add(a, b)
        safe = ops.where(total > 0, total, 1)
        middle = ops.where(total > 0, (a * p + b * q) / safe, q)
        rest = ops.add(self.rest, ops.sum(a * b / safe * ops.square(p - q)))
        self.importance.assign(total)
        self.anchor.assign(middle)
        self.rest.assign(rest)

    def get_config(self):
        own = None if self.own is None else keras.saving.serialize_keras_object(self.own)
        return {"shape": self.shape, "strength": self.strength, "own": own}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "own": keras.saving.deserialize_keras_object(config["own"])})


def attach(model, strength):
    """Gives each trainable variable a penalty, which is 0 at first; the penalties."""
    penalties = []
    for variable in model.trainable_variables:
        variable.regularizer = QuadraticPenalty(variable.shape, strength, variable.regularizer)
        penalties.append(variable.regularizer)
    return penalties


def detach(model):
    """Gives the variables back what they had of their own."""
    for variable in model.trainable_variables:
        if isinstance(variable.regularizer, QuadraticPenalty):
            variable.regularizer = variable.regularizer.own
    trace_anew(model)


def trace_anew(model):
    """Lets `fit` see what penalties are now: JAX holds values of the trace, TensorFlow variables."""
    if keras.backend.backend() == "jax":
        model.train_function = None


def values(model):
    """The trainable variables as float32 arrays that are their own."""
    return [ops.copy(ops.cast(v, "float32")) for v in model.trainable_variables]
