"""Retrieval figures of unseen classes, epoch by epoch."""

from tfdml import metrics
from tfdml.callbacks.measurement import Measurement


class RetrievalEvaluation(Measurement):
    """Measures how well a model retrieves, and writes the figures into the logs of the epoch.

    The data set is embedded batch by batch by the model's compiled predict function (traced once for all
    epochs), and only the embeddings are kept. The logs get `val_recall@1`, ..., `val_precision@1`,
    `val_r_precision`, `val_map@r`, `val_map`, `val_mrr` and `val_ndcg`: see `tfdml.metrics.retrieval`.

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
        super().__init__(dataset, every, prefix, embedding_model)
        self.gallery = gallery
        self.options = {"recall_at": tuple(recall_at), "distance": distance, "tile": tile}

    def evaluate(self):
        """The figures of the model as it is now: the dictionary of `tfdml.metrics.retrieval`."""
        model = self.embedding_model or self.model
        return metrics.retrieval(model, self.dataset, gallery=self.gallery, **self.options)

    def figure_names(self):
        recalls = [f"recall@{k}" for k in self.options["recall_at"]]
        return [*recalls, "precision@1", "r_precision", "map@r", "map", "mrr", "ndcg"]
