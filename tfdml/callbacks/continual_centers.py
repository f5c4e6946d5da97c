"""Centers that are not needed go, and samples that are not understood become centers, as training goes on."""

import keras
import numpy as np

from tfdml.callbacks.center_draft import CenterDraft, check_soft
from tfdml.callbacks.center_embedding import CenterEmbedding
from tfdml.checks import check_count
from tfdml.layers import NNGKClassifier
from tfdml.layers.center_checks import check_slots, check_targets
from tfdml.layers.classifier_parts import only_classifier


class ContinualCenters(keras.callbacks.Callback):
    """Drops centers that their neighbours predict well, and adds samples that are predicted badly.

    A "mega epoch" is `every` epochs of training, a turn, and `fine_tune_epochs` of training with the centers
    as the turn left them. In a turn, between two epochs, nothing is trained: of all centers the `drop` best
    predicted go, each judged without its own vote, and of the samples of the data set that are no centers the
    `add` worst predicted come, one after another. Each leaves its label to its neighbours as it goes, or is
    made up for by them as it comes, by its influence on the predictions there (see
    `tfdml.continual.influence`), so that these change little. All of it is made in memory and takes effect at
    once: who interrupts it has the centers of before.

    Sample *i* has slot *i*, as in `CenterRefresh`, which belongs beside it with `only_stored=True`: it stores
    the first centers, and keeps them up to date, without those that were dropped. Where a model is trained
    on one data set after another, `index` says which sample it is of all of them, so that old centers are not
    taken for new samples. In a turn the centers of samples of the data set are embedded anew if they are
    tied; the bandwidth is left.

    The logs have `centers`, how many there are; and `centers_dropped`, `centers_added` and
    `targets_projected` of the turn before the epoch, or 0: the last is how many labels were no distribution
    after they had made up for a center, and became the nearest one.

    Args:
        dataset: As in `CenterRefresh`: what is trained on, each sample once, not augmented.
        drop: Integer of at least 0: centers that go in a turn. Defaults to `0`: the classifier only grows.
        add: Integer of at least 0: samples that become centers in a turn, or all there are. Defaults to `0`.
        every: Integer from 1: epochs of training before a turn. Defaults to `1`.
        fine_tune_epochs: Integer of at least 0: epochs after it, before those of the next mega epoch.
            Defaults to `0`.
        redistribute: Whether labels of neighbours make up for what goes and comes, for which the classifier
            needs `soft_targets=True`. Defaults to `True`.
        layer: The `NNGKClassifier`. Defaults to `None`: the only classifier by neighbours of the model.
        keep_per_class: Integer of at least 0: centers that each class keeps, by the likeliest class of each:
            without one it would be left to the labels of others. Defaults to `1`.

    Example:

    ```python
    x, y = np.random.default_rng(0).normal(size=(32, 8)).astype("float32"), np.arange(32) % 4
    image, index = keras.Input((8,), name="image"), keras.Input((), dtype="int64", name="index")
    classifier = tfdml.layers.NNGKClassifier(4, capacity=32, neighbors=8, soft_targets=True)
    output = classifier(keras.layers.Dense(4)(image), index=index)
    model = keras.Model({"image": image, "index": index}, output)
    model.compile("adam", loss="sparse_categorical_crossentropy")
    batches = [({"image": x, "index": np.arange(32)}, y)]
    refresh = tfdml.callbacks.CenterRefresh(batches, only_stored=True)
    turns = tfdml.callbacks.ContinualCenters(batches, drop=6, add=2, every=2, fine_tune_epochs=1)
    samples = {"image": x, "index": np.arange(32)}
    history = model.fit(samples, y, epochs=4, callbacks=[refresh, turns], verbose=0).history
    print(history["centers"])  # [32, 32, 26, 26]
    ```

    Reference: the review of nearest-neighbour Gaussian kernels, algorithm 1, which proposes it and has no
        experiments.
    """

    def __init__(
        self,
        dataset,
        drop=0,
        add=0,
        every=1,
        fine_tune_epochs=0,
        redistribute=True,
        layer=None,
        keep_per_class=1,
    ):
        super().__init__()
        self.drop, self.add = check_count("drop", drop, least=0), check_count("add", add, least=0)
        self.every = check_count("every", every)
        self.fine_tune_epochs = check_count("fine_tune_epochs", fine_tune_epochs, least=0)
        self.keep_per_class = check_count("keep_per_class", keep_per_class, least=0)
        if layer is not None:
            check_layer(layer)
        self.dataset, self.layer, self.redistribute = dataset, layer, bool(redistribute)
        # As plain numbers and lists of arrays among the attributes, which `tfdml.callbacks.Backup` saves.
        self.dropped = self.added = self.projected = 0
        self.left_out = []  # a mask of the slots that were dropped
        self._embed = self._epochs = self._done = None

    def on_train_begin(self, logs=None):
        self.layer = check_layer(self.layer or only_classifier(self.model))
        if self.redistribute and (self.drop or self.add):
            check_soft(self.layer)
        self._embed, self._epochs = CenterEmbedding(self.model, self.layer, self.dataset), None

    def on_epoch_begin(self, epoch, logs=None):
        # Not at the end of the epoch before: a state that was saved there may be of before or after the turn.
        done, self._done = self._done, None
        if done == epoch:  # a training goes on whose end had this turn
            return
        self.dropped = self.added = self.projected = 0
        if self._due(epoch):
            self.turn()

    def on_epoch_end(self, epoch, logs=None):
        self._epochs = epoch + 1
        if logs is not None:
            logs.update(
                centers=int(self.layer.array("active").sum()),
                centers_dropped=self.dropped,
                centers_added=self.added,
                targets_projected=self.projected,
            )

    def on_train_end(self, logs=None):
        if self._epochs is not None and self._due(self._epochs):
            self.turn()
            self._done = self._epochs

    def turn(self):
        """Drops and adds centers now, in the model that is trained."""
        embeddings, labels, index = self._embed()
        draft = CenterDraft(self.layer)
        slots, stored = self._check(draft, labels, index)
        if self.layer.center_mode == "tied":
            draft.store(slots[stored], embeddings[stored])
        going, coming = self._going(draft), self._coming(draft, embeddings, labels, ~stored)
        draft.drop(going, self.redistribute)
        draft.add(slots[coming], embeddings[coming], labels[coming], self.redistribute)
        left_out = self.left_out[0].copy() if self.left_out else np.zeros(self.layer.capacity, bool)
        left_out[going], left_out[slots[coming]] = True, False
        draft.commit()
        if self.layer.search is not None:
            self.layer.renew_table(embeddings, slots)
        self.left_out = [left_out]
        self.dropped, self.added, self.projected = len(going), len(coming), draft.projected

    def _due(self, epoch):
        """Whether a turn comes before an epoch."""
        return epoch > 0 and (epoch - self.every) % (self.every + self.fine_tune_epochs) == 0

    def _check(self, draft, labels, index):
        """Slots of the samples, and which of them are in use."""
        slots = check_slots(index, self.layer.capacity, len(labels))
        if not draft.active.any():
            raise ValueError(
                f"Expected {self.layer.name} to have centers before the first turn, received: none "
                "(CenterRefresh with only_stored=True stores them)"
            )
        if self.left_out and (back := draft.active & self.left_out[0]).any():
            raise ValueError(
                "Expected centers that were dropped to stay so, as with CenterRefresh(only_stored=True), "
                f"received: {back.sum()} that were stored again"
            )
        return slots, draft.active[slots]

    def _going(self, draft):
        """Slots of the centers that their neighbours predict best, best first."""
        active = np.flatnonzero(draft.active).astype("int32")
        if not self.drop:
            return active[:0]
        centers = keras.ops.convert_to_numpy(draft.room().at(active))
        targets = draft.targets[active]
        order = np.argsort(-agreement(draft.predict(centers, exclude=active), targets), kind="stable")
        return active[order[may_go(targets[order].argmax(axis=1), self.keep_per_class)][: self.drop]]

    def _coming(self, draft, embeddings, labels, free):
        """Places of the samples without a center that are predicted worst, worst first."""
        places = np.flatnonzero(free)
        if not self.add or not len(places):
            return places[:0]
        targets = check_targets(labels[places], len(places), self.layer.num_classes)
        agreed = agreement(draft.predict(embeddings[places]), targets)
        return places[np.argsort(agreed, kind="stable")[: self.add]]


def agreement(predictions, targets):
    """Overlap of distributions, `sum_l min(p_l, y_l)`: of a sample with a label, the label's probability."""
    return np.minimum(predictions, targets).sum(axis=1)


def may_go(classes, kept):
    """A mask of the samples, best first, that leave at least `kept` of their class behind."""
    order = np.argsort(classes, kind="stable")
    _, first, counts = np.unique(classes[order], return_index=True, return_counts=True)
    before = np.empty(len(classes), int)  # how many of its class come before each
    before[order] = np.arange(len(classes)) - np.repeat(first, counts)
    numbers = np.empty(len(classes), int)
    numbers[order] = np.repeat(counts, counts)
    return before < numbers - kept


def check_layer(layer):
    """`layer`, if it is an `NNGKClassifier`."""
    if not isinstance(layer, NNGKClassifier):
        raise ValueError(f"Expected layer to be an NNGKClassifier, received: {layer!r}")
    return layer
