"""Fresh centers for classifiers by neighbours, from one pass over the training set."""

import keras
import numpy as np

from tfdml.layers.centers import Centers
from tfdml.metrics.embedding import model_inputs

SAMPLE = 1024  # centers whose neighbours are compared from one refresh to the next


class CenterRefresh(keras.callbacks.Callback):
    """Stores the embeddings of the training samples as the centers of a classifier, sample *i* in slot *i*.

    The samples are embedded in inference mode by the part of the model before the classifier, whose function
    is traced once for the whole of `fit`; under `tf.distribute` each replica embeds its share. Weights of
    samples stay with them, and a search index outside the graph is built anew.

    Tied centers are refreshed at the start of every `every`th epoch and after the last. Fixed and loose
    centers are stored once, while the classifier has none: what a training that is resumed, or goes on, has
    trained is left.

    The logs have `center_drift`, how far the last refresh moved the centers, as a share of the bandwidth or
    else of their mean length; and `neighbors_changed`, the share of the nearest neighbours of up to 1,024
    centers that were others before. Where both are small, `every` may be larger.

    Args:
        dataset: A `tf.data.Dataset`, or another iterable of batches that can be read again and again:
            `({"image": ..., "index": ...}, labels)` with each training sample once, not augmented, such as
            `image_set.ordered_batches()`. `index`, integers `(batch,)`, are the slots.
        every: Integer from 1: epochs from one refresh to the next; or `None`: only once. Defaults to `1`.
        layer: The classifier. Defaults to `None`: the only one of the model.
        on_train_begin: Whether centers are stored before the first epoch. Defaults to `True`.

    Example:

    ```python
    x, y = np.random.default_rng(0).normal(size=(32, 8)).astype("float32"), np.arange(32) % 4
    image, index = keras.Input((8,), name="image"), keras.Input((), dtype="int64", name="index")
    embedding = keras.layers.Dense(4)(image)
    classifier = tfdml.layers.NNGKClassifier(num_classes=4, capacity=32, neighbors=8)
    model = keras.Model({"image": image, "index": index}, classifier(embedding, index=index))
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    refresh = tfdml.callbacks.CenterRefresh([({"image": x, "index": np.arange(32)}, y)])
    history = model.fit({"image": x, "index": np.arange(32)}, y, callbacks=[refresh], verbose=0)
    classify = keras.Model(image, classifier(embedding))
    ```

    Reference: Meyer et al., Deep Metric Learning and Image Classification with Nearest Neighbour Gaussian
        Kernels, ICIP 2018.
    """

    def __init__(self, dataset, every=1, layer=None, on_train_begin=True):
        super().__init__()
        if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
            raise ValueError(f"Expected every to be an integer of at least 1 or None, received: {every!r}")
        if layer is not None and not isinstance(layer, Centers):
            raise ValueError(f"Expected layer to be a classifier by neighbours, received: {layer!r}")
        self.dataset, self.every, self.layer, self.at_start = dataset, every, layer, on_train_begin
        # As plain numbers among the attributes, which `tfdml.callbacks.Backup` saves.
        self.center_drift = self.neighbors_changed = 0.0
        self._embed, self._just_stored = None, False

    def on_train_begin(self, logs=None):
        self.layer = self.layer or only_classifier(self.model)
        self._embed = Embedder(self.model, self.layer)
        self._just_stored = self.at_start and not self._stored()
        if self._just_stored:
            self.refresh()

    def on_epoch_begin(self, epoch, logs=None):
        due = self._follows and epoch % self.every == 0 and (epoch > 0 or self.at_start)
        if due and not self._just_stored:
            self.refresh()
        self._just_stored = False

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs.update(center_drift=self.center_drift, neighbors_changed=self.neighbors_changed)

    def on_train_end(self, logs=None):
        if self._follows:
            self.refresh()

    def refresh(self):
        """Embeds the data set and stores the centers; notes how much they moved."""
        layer = self.layer
        stored, before = self._stored(), self._found()
        old, was_active = (keras.ops.convert_to_numpy(x) for x in (layer.centers, layer.active))
        layer.set_centers(*self._embed(self.dataset))
        new, active = (keras.ops.convert_to_numpy(x) for x in (layer.centers, layer.active))
        both = active & was_active
        unit = self._unit(new[active])
        if stored and both.any() and unit:
            self.center_drift = float(np.linalg.norm((new - old)[both], axis=1).mean() / unit)
        self.neighbors_changed = changed(before, self._found())

    @property
    def _follows(self):
        """Whether centers follow their samples."""
        return self.every is not None and getattr(self.layer, "center_mode", "tied") == "tied"

    def _stored(self):
        return bool(keras.ops.convert_to_numpy(self.layer.active).any())

    def _found(self):
        """Neighbours of some centers, `(some, neighbors)`: of the same ones each time."""
        centers, active = (keras.ops.convert_to_numpy(x) for x in (self.layer.centers, self.layer.active))
        slots = np.flatnonzero(active)
        if len(slots) < 2:
            return None
        chosen = slots[np.linspace(0, len(slots) - 1, min(len(slots), SAMPLE)).astype(int)]
        return keras.ops.convert_to_numpy(self.layer.find(centers[chosen], exclude=chosen)[1])

    def _unit(self, centers):
        bandwidth = getattr(self.layer, "log_bandwidth", None)
        if bandwidth is not None:
            return float(np.exp(keras.ops.convert_to_numpy(bandwidth)))
        return float(np.linalg.norm(centers, axis=1).mean())


class Embedder:
    """Embeddings, labels and indices of a data set, by the part of a model before a layer."""

    def __init__(self, model, layer):
        try:
            inputs = layer.input
        except (AttributeError, ValueError) as error:
            raise ValueError(
                f"Expected model to be Functional or Sequential, with {layer.name} called on an embedding, "
                f"received: {model!r}"
            ) from error
        embedding = inputs[0] if isinstance(inputs, list | tuple) else inputs
        taken = model.input if isinstance(model.input, dict) else {"image": model.input}
        taken = {name: x for name, x in taken.items() if name not in ("index", "label")}
        self.replicas = replicas_of(model)
        if self.replicas is None:
            self.model = keras.Model(taken, embedding)
            return
        # What belongs together comes back together, in whatever order the replicas answer.
        for name in ("index", "label"):
            taken[name] = keras.Input((), dtype="int64", name=f"{name}_of_refresh")
        same = keras.layers.Identity(dtype="int64")
        with self.replicas.scope():
            self.model = keras.Model(taken, [embedding, same(taken["label"]), same(taken["index"])])

    def __call__(self, dataset):
        if self.replicas is not None:
            given = dataset.map(lambda x, y: {**x, "label": y})
            return tuple(self.model.predict(given, verbose=0))
        parts = [self._batch(batch) for batch in dataset]
        if not parts:
            raise ValueError("Expected dataset to give at least one batch, received: none")
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))

    def _batch(self, batch):
        if not isinstance(batch, tuple | list) or len(batch) < 2 or not isinstance(batch[0], dict):
            raise ValueError(
                "Expected dataset to give batches ({'image': ..., 'index': ...}, labels), received: "
                f"{type(batch)}"
            )
        if "index" not in batch[0]:
            raise ValueError(f"Expected dataset to give the input 'index', received: {', '.join(batch[0])}")
        embeddings = self.model.predict_on_batch(model_inputs(self.model, batch[0]))
        return embeddings, *(keras.ops.convert_to_numpy(x) for x in (batch[1], batch[0]["index"]))


def replicas_of(model):
    """The `tf.distribute` strategy of a model, if it has several replicas."""
    strategy = getattr(model, "distribute_strategy", None)
    return strategy if strategy is not None and strategy.num_replicas_in_sync > 1 else None


def only_classifier(model):
    """The classifier by neighbours of a model that has just one."""
    found = [layer for layer in model._flatten_layers() if isinstance(layer, Centers)]
    if len(found) != 1:
        raise ValueError(
            f"Expected layer to say which classifier by neighbours is meant, as the model has {len(found)}, "
            "received: None"
        )
    return found[0]


def changed(before, now):
    """Share of the neighbours that are others, or 0 where nothing is known of before."""
    if before is None or now is None or before.shape != now.shape:
        return 0.0
    same = (before[:, :, None] == now[:, None, :]).any(axis=2)
    return float(1 - same.mean())
