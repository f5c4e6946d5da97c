"""Retrieval figures of unseen classes, epoch by epoch."""

import keras
import numpy as np

from tfdml import metrics


class RetrievalEvaluation(keras.callbacks.Callback):
    """Measures how well a model retrieves, and writes the figures into the logs of the epoch.

    The data set is embedded batch by batch by the model's compiled predict function (traced once for all
    epochs), and only the embeddings are kept. The logs get `val_recall@1`, ..., `val_precision@1`,
    `val_r_precision`, `val_map@r`, `val_map` and `val_mrr`: see `tfdml.metrics.retrieval`.

    Put it *before* the callbacks that read the logs: they are called in the order of the list. Give those
    `mode="max"`: Keras cannot guess from the names that larger is better.

    The first epoch and the last are always measured, and every epoch between has figures: those of the latest
    measurement. So `CSVLogger`, which fixes its columns in its first epoch, has all of them, and
    `ModelCheckpoint(save_best_only=True)` saves at measured epochs only, as a repeated figure is no better.
    The patience of `EarlyStopping` counts epochs, not measurements: let it be several times `every`.

    Args:
        dataset: A `tf.data.Dataset` or another iterable of batches `(inputs, labels)` that can be read again
            and again: see `tfdml.metrics.embed`.
        every: Integer above 0: epochs from one measurement to the next. Defaults to `1`.
        gallery: Data set to search instead of `dataset` itself. Defaults to `None`.
        recall_at, distance, tile: As in `tfdml.metrics.retrieval`.
        prefix: What the names in the logs begin with. Defaults to `"val_"`.
        embedding_model: `keras.Model` to embed with, where the model in training gives something else: one
            that shares its layers. Defaults to `None`, the model in training.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    >>> model.compile("sgd", loss=tfdml.losses.TripletLoss())
    >>> x, labels = np.random.default_rng(0).normal(size=(16, 2)), np.arange(16) // 4
    >>> evaluation = tfdml.callbacks.RetrievalEvaluation([(x[:8], labels[:8]), (x[8:], labels[8:])])
    >>> stop = keras.callbacks.EarlyStopping("val_map@r", mode="max", patience=5)
    >>> history = model.fit(x, labels, epochs=2, callbacks=[evaluation, stop], verbose=0)
    >>> len(history.history["val_recall@1"])
    2
    """

    def __init__(
        self,
        dataset,
        every=1,
        gallery=None,
        recall_at=(1, 2, 4, 8),
        distance="euclidean",
        tile=None,
        prefix="val_",
        embedding_model=None,
    ):
        super().__init__()
        if not (isinstance(every, int | np.integer) and every > 0):
            raise ValueError(f"Expected every to be an integer above 0, received: {every!r}")
        self.dataset, self.gallery, self.every = dataset, gallery, every
        self.prefix, self.embedding_model = prefix, embedding_model
        self.options = {"recall_at": tuple(recall_at), "distance": distance, "tile": tile}

    def evaluate(self):
        """The figures of the model as it is now: the dictionary of `tfdml.metrics.retrieval`."""
        model = self.embedding_model or self.model
        found = () if self.gallery is None else metrics.embed(model, self.gallery)
        return metrics.retrieval(*metrics.embed(model, self.dataset), *found, **self.options)

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
        recalls = [f"recall@{k}" for k in self.options["recall_at"]]
        return [
            self.prefix + name for name in (*recalls, "precision@1", "r_precision", "map@r", "map", "mrr")
        ]
