"""What a model does against forgetting: the base of all strategies, which is to do nothing."""

import keras

from tfdml.continual.fresh_optimizer import FreshOptimizer


class Strategy(keras.callbacks.Callback):
    """A callback that also hears of tasks. By itself it does nothing: naive fine-tuning.

    `tfdml.continual.run` calls the methods, and gives the strategy to `fit` of each task. The optimiser is
    new with each task: its state is what it was before the first.

    A subclass replaces what it needs: `start` and `finish`, before and after all tasks; `training_part`, the
    samples to fit; `begin_task` and `end_task`, before and after each; `nbytes`, what is kept.

    Example:

    >>> class Rehearsal(tfdml.continual.Strategy):
    ...     def start(self, model, scenario):
    ...         super().start(model, scenario)
    ...         self.first = scenario.tasks[0].train
    ...
    ...     def training_part(self, task):
    ...         return tfdml.continual.joined([self.first, task.train]) if task.number else task.train
    """

    trains = True  # whether there is anything to fit

    def start(self, model, scenario):
        """Before the first task. `model` is compiled."""
        self.set_model(model)
        self.scenario = scenario
        self._fresh = FreshOptimizer(model) if self.trains else None

    def begin_task(self, task):
        """Before a task is fitted."""
        if self._fresh is not None:
            self._fresh.reset()

    def training_part(self, task):
        """The samples that are fitted in a task, a `Part`."""
        return task.train

    def end_task(self, task):
        """After a task was fitted, when its samples are seen for the last time."""

    def finish(self):
        """After the last task: leaves the model with its own optimiser and without penalties."""

    @property
    def nbytes(self):
        """Bytes that are kept from one task to the next, beside the model."""
        return 0


class FineTuning(Strategy):
    """Each task is fitted as if there had been none before: what forgets most.

    Example:

    >>> strategy = tfdml.continual.FineTuning()
    >>> strategy.nbytes
    0

    Reference: the baseline of McCloskey and Cohen, Catastrophic Interference in Connectionist Networks, 1989.
    """
