"""Signs of a collapse, epoch by epoch."""

from tfdml import metrics
from tfdml.callbacks.measurement import Measurement


class CollapseMonitor(Measurement):
    """Writes into the logs of the epoch whether the embeddings still spread out, and what is left to learn.

    The logs get `val_mean_similarity`, `val_effective_rank` and `val_active_triplets`: see
    `tfdml.metrics.collapse`. A mean similarity that goes to 1, an effective rank that goes to 1, and a share
    of active triplets that goes to 1 tell of a collapse, long before the loss does: that of a hard triplet
    loss then stands at its margin. A share that goes to 0 on the training images says that the loss has
    nothing left to learn from most triplets.

    Some thousands of images are enough: the share of active triplets takes a row of distances an image. Put
    the callback *before* those that read the logs.

    Args:
        dataset, every, prefix, embedding_model: As in `tfdml.callbacks.RetrievalEvaluation`.
        margin, distance, tile: As in `tfdml.metrics.collapse`.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    >>> model.compile("sgd", loss=tfdml.losses.TripletLoss(mining="hard"))
    >>> x, labels = np.random.default_rng(0).normal(size=(16, 2)), np.arange(16) // 4
    >>> monitor = tfdml.callbacks.CollapseMonitor([(x[:8], labels[:8]), (x[8:], labels[8:])])
    >>> stop = keras.callbacks.EarlyStopping("val_effective_rank", mode="max", patience=5)
    >>> history = model.fit(x, labels, epochs=2, callbacks=[monitor, stop], verbose=0)
    >>> len(history.history["val_effective_rank"])
    2
    """

    def __init__(
        self,
        dataset,
        every=1,
        margin=0.1,
        distance="euclidean",
        tile=None,
        prefix="val_",
        embedding_model=None,
    ):
        super().__init__(dataset, every, prefix, embedding_model)
        self.options = {"margin": margin, "distance": distance, "tile": tile}

    def evaluate(self):
        """The figures of the model as it is now: the dictionary of `tfdml.metrics.collapse`."""
        return metrics.collapse(self.embedding_model or self.model, self.dataset, **self.options)

    def figure_names(self):
        return ["mean_similarity", "effective_rank", "active_triplets"]
