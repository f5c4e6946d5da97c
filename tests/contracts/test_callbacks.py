"""What every public callback keeps to; a new class in `tfdml.callbacks` joins in."""

import keras
import numpy as np
import pytest

import tfdml
from tfdml.callbacks import backup

LABELS = np.arange(12) // 3
INPUTS = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
GIVEN = {"image": INPUTS, "index": np.arange(12)}
# What each is made with. `Backup` is what saves the state of the others.
MAKERS = {
    "CenterRefresh": lambda: tfdml.callbacks.CenterRefresh([(GIVEN, LABELS)]),
    "CollapseMonitor": lambda: tfdml.callbacks.CollapseMonitor([(GIVEN, LABELS)]),
    "ContinualCenters": lambda: tfdml.callbacks.ContinualCenters([(GIVEN, LABELS)], drop=2, add=1, every=2),
    "RetrievalEvaluation": lambda: tfdml.callbacks.RetrievalEvaluation([(GIVEN, LABELS)]),
}


def model_for(name):
    """A model to fit on `GIVEN`: one that embeds, or a classifier whose centers are refreshed, or change."""
    image, index = keras.Input((4,), name="image"), keras.Input((), dtype="int64", name="index")
    output, loss = keras.layers.Dense(3)(image), tfdml.losses.NTXentLoss()
    if name in ("CenterRefresh", "ContinualCenters"):
        classifier = tfdml.layers.NNGKClassifier(4, capacity=12, neighbors=4, soft_targets=True)
        if name == "ContinualCenters":  # which takes those that there are
            classifier.build((None, 3))
            classifier.set_centers(INPUTS[:, :3], LABELS)
        output, loss = classifier(output, index=index), "sparse_categorical_crossentropy"
    model = keras.Model({"image": image, "index": index}, output)
    model.compile("sgd", loss=loss, run_eagerly=True)
    return model


class Watch(keras.callbacks.Callback):
    """Notes the attributes of another callback after each epoch."""

    def __init__(self, watched):
        super().__init__()
        self.watched, self.states = watched, []

    def on_epoch_end(self, epoch, logs=None):
        self.states.append(dict(vars(self.watched)))


def test_every_callback_is_here():
    assert {*MAKERS, "Backup"} == set(tfdml.callbacks.__all__)


@pytest.mark.parametrize("name", MAKERS)
def test_writes_finite_numbers_and_holds_nothing_that_a_resumed_run_would_miss(name):
    """What changes from epoch to epoch is a number or a list of arrays: what `Backup` saves."""
    callback = MAKERS[name]()
    watch = Watch(callback)
    history = model_for(name).fit(GIVEN, LABELS, epochs=3, callbacks=[callback, watch], verbose=0).history
    written = history.keys() - {"loss"}
    assert written and all(np.isfinite(history[n]).all() and len(history[n]) == 3 for n in written)
    first, *_, last = watch.states
    changed = {n for n, value in last.items() if n not in first or first[n] is not value}
    saved = backup._counted(callback)
    assert changed and changed <= {*saved["numbers"], *saved["arrays"]}
