"""The base of callbacks that measure embeddings of a data set, epoch by epoch."""

import keras
import numpy as np


class Measurement(keras.callbacks.Callback):
    """Writes figures of a data set into the logs of the epochs: what a subclass measures.

    The first epoch and the last are always measured, and every epoch between has figures: those of the latest
    measurement. A subclass has `figure_names()` and `evaluate()`, a dictionary that holds at least those.

    Args:
        dataset: A `tf.data.Dataset` or another iterable of batches `(inputs, labels)` that can be read again
            and again: see `tfdml.metrics.embed`.
        every: Integer above 0: epochs from one measurement to the next.
        prefix: What the names in the logs begin with.
        embedding_model: `keras.Model` to embed with, or `None`, the model in training.
    """

    def __init__(self, dataset, every, prefix, embedding_model):
        super().__init__()
        if not (isinstance(every, int | np.integer) and every > 0):
            raise ValueError(f"Expected every to be an integer above 0, received: {every!r}")
        self.dataset, self.every = dataset, every
        self.prefix, self.embedding_model = prefix, embedding_model

    def evaluate(self):
        """The figures of the model as it is now, a dictionary."""
        raise NotImplementedError

    def figure_names(self):
        """Names of the figures that the logs get, without the prefix."""
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        for name in self._names():
            vars(self).pop(name, None)

    def on_epoch_end(self, epoch, logs=None):
        due = (epoch + 1) % self.every == 0 or epoch + 1 == self.params.get("epochs")
        if due or not all(name in vars(self) for name in self._names()):
            figures = self.evaluate()
            # As plain numbers among the attributes, which `tfdml.callbacks.Backup` saves: a run that resumes
            # between two measurements then repeats the same figures as one that was never interrupted.
            vars(self).update({name: figures[name.removeprefix(self.prefix)] for name in self._names()})
        if logs is not None:
            logs.update({name: vars(self)[name] for name in self._names()})

    def _names(self):
        return [self.prefix + name for name in self.figure_names()]
