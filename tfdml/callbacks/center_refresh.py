"""Fresh centers for classifiers by neighbours, from one pass over the training set."""

import keras
import numpy as np

from tfdml.callbacks.center_draft import CenterDraft
from tfdml.callbacks.center_embedding import CenterEmbedding
from tfdml.checks import check_count
from tfdml.layers.center_checks import check_slots
from tfdml.layers.centers import Centers
from tfdml.layers.classifier_parts import only_classifier


class CenterRefresh(keras.callbacks.Callback):
    """Stores the embeddings of the training samples as the centers of a classifier, sample *i* in slot *i*.

    The samples are embedded in inference mode by the part of the model before the classifier, whose function
    is traced once for the whole of `fit`; under `tf.distribute` each replica embeds its share. Weights of
    samples stay with them, and a search index outside the graph is built anew.

    Tied centers are refreshed at the start of every `every`th epoch and after the last. Fixed and loose
    centers are stored once, while the classifier has none: what a training that is resumed, or goes on, has
    trained is left. Where the classifier has a `search`, its neighbours are found anew at each refresh, by
    what the samples are then. Distributions over classes that centers were given stay with them too.

    The logs have `center_drift`, how far the last refresh moved the centers, as a share of the bandwidth or
    else of their mean length; and `neighbors_changed`, the share of the nearest neighbours that were others
    before, both for some of the centers. Where both are small, `every` may be larger.

    Args:
        dataset: A `tf.data.Dataset`, or another iterable of batches that can be read again and again:
            `({"image": ..., "index": ...}, labels)` with each training sample once, not augmented, such as
            `image_set.ordered_batches()`. `index`, integers `(batch,)`, are the slots.
        every: Integer from 1: epochs from one refresh to the next; or `None`: only once. Defaults to `1`.
        layer: The classifier. Defaults to `None`: the only one of the model.
        on_train_begin: Whether centers are stored before the first epoch. Defaults to `True`.
        only_stored: Whether a classifier that has centers keeps to these: samples that have none, or whose
            center was dropped, get none, and centers of which the data set has no sample stay as they are.
            `ContinualCenters` needs it. Defaults to `False`: the samples of the data set are the centers.

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

    def __init__(self, dataset, every=1, layer=None, on_train_begin=True, only_stored=False):
        super().__init__()
        if every is not None:
            every = check_count("every", every)
        if layer is not None and not isinstance(layer, Centers):
            raise ValueError(f"Expected layer to be a classifier by neighbours, received: {layer!r}")
        self.dataset, self.every, self.layer, self.at_start = dataset, every, layer, bool(on_train_begin)
        self.only_stored = bool(only_stored)
        # As plain numbers among the attributes, which `tfdml.callbacks.Backup` saves.
        self.center_drift = self.neighbors_changed = 0.0
        self._embed = self._stored_at = None

    def on_train_begin(self, logs=None):
        self.layer = self.layer or only_classifier(self.model)
        self._embed = CenterEmbedding(self.model, self.layer, self.dataset)
        self._stored_at = None
        if self.at_start and not self._stored():
            self.refresh()
            self._stored_at = (self._iterations(),)

    def on_epoch_begin(self, epoch, logs=None):
        due = self._renews and epoch % self.every == 0 and (epoch > 0 or self.at_start)
        # Weights that another callback has restored since then want other centers.
        if due and self._stored_at != (self._iterations(),):
            self.refresh()
        self._stored_at = None

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs.update(center_drift=self.center_drift, neighbors_changed=self.neighbors_changed)

    def on_train_end(self, logs=None):
        if self._renews and self._follows:
            self.refresh()

    def refresh(self):
        """Embeds the data set and stores the centers; notes how much they moved."""
        layer, stored, before = self.layer, self._stored(), self._found()
        embeddings, labels, index = self._embed()
        if stored and not self._follows:
            layer.renew_table(embeddings, index)
        else:
            chosen, was_active = layer.sample(), layer.array("active")
            old = np.array(keras.ops.convert_to_numpy(layer.at(chosen)))
            targets = layer.array("targets") if layer.soft_targets else None
            if stored and self.only_stored:
                self._renew(embeddings, index)
            else:
                layer.set_centers(embeddings, labels, index)
            self._note_drift(old, chosen)
            both = np.flatnonzero(layer.array("active") & was_active)
            if targets is not None and len(both):  # what they have become stays with their samples
                layer.set_targets(both, targets[both])
        self.neighbors_changed = changed(before, self._found())

    def _renew(self, embeddings, index):
        """Stores the embeddings of those samples alone that have a center."""
        layer, draft = self.layer, CenterDraft(self.layer)
        slots = check_slots(index, layer.capacity, len(embeddings))
        stored = draft.active[slots]
        draft.store(slots[stored], embeddings[stored])
        draft.commit()
        layer.on_change(slots[:0])
        if getattr(layer, "search", None) is not None:  # samples without a center have neighbours too
            layer.renew_table(embeddings, slots)

    def _note_drift(self, old, chosen):
        kept = self.layer.array("active")[chosen]
        new = keras.ops.convert_to_numpy(self.layer.at(chosen))[kept]
        unit = self._unit(new) if kept.any() else 0
        if unit:
            self.center_drift = float(np.linalg.norm(new - old[kept], axis=1).mean() / unit)

    @property
    def _follows(self):
        """Whether centers follow their samples."""
        return getattr(self.layer, "center_mode", "tied") == "tied"

    @property
    def _renews(self):
        """Whether there is anything to renew as training goes on."""
        return self.every is not None and (self._follows or getattr(self.layer, "search", None) is not None)

    def _iterations(self):
        optimizer = getattr(self.model, "optimizer", None)
        return None if optimizer is None else int(keras.ops.convert_to_numpy(optimizer.iterations))

    def _stored(self):
        return bool(self.layer.array("active").any())

    def _found(self):
        """Neighbours of some centers, `(some, neighbors)`: of the same ones each time."""
        if getattr(self.layer, "search", None) is not None:
            chosen = self.layer.sample()
            return self.layer.array("table")[chosen] if len(chosen) > 1 else None
        return self.layer.sampled_neighbors()

    def _unit(self, centers):
        bandwidth = getattr(self.layer, "log_bandwidth", None)
        if bandwidth is not None:
            return float(np.exp(keras.ops.convert_to_numpy(bandwidth)))
        return float(np.linalg.norm(centers, axis=1).mean())


def changed(before, now):
    """Share of the neighbours that are others, or 0 where nothing is known of before."""
    if before is None or now is None or before.shape != now.shape:
        return 0.0
    same = (before[:, :, None] == now[:, None, :]).any(axis=2)
    return float(1 - same.mean())
