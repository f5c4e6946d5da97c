import keras
import numpy as np
import pytest

from tfdml import losses, metrics
from tfdml.callbacks import CollapseMonitor

pytestmark = pytest.mark.backend

NAMES = ["val_mean_similarity", "val_effective_rank", "val_active_triplets"]


def samples(n=48, dim=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, dim)).astype("float32"), np.arange(n) // 4


def batches(x, labels):
    return [(x[:20], labels[:20]), (x[20:], labels[20:])]


def test_logs_are_the_figures_of_each_epoch():
    x, labels = samples()
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    model.compile(keras.optimizers.SGD(0.5), losses.TripletLoss())
    seen = []

    class Reference(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            given = self.model.predict(x, verbose=0), labels
            seen.append((dict(logs), metrics.collapse(*given, margin=0.5, distance="cosine")))

    monitor = CollapseMonitor(batches(x, labels), margin=0.5, distance="cosine")
    history = model.fit(x, labels, epochs=3, callbacks=[monitor, Reference()], verbose=0).history
    for epoch, (logs, expected) in enumerate(seen):
        for name in NAMES:
            assert type(logs[name]) is float
            assert (
                logs[name]
                == history[name][epoch]
                == pytest.approx(expected[name.removeprefix("val_")], rel=1e-5)
            )
    assert len(set(history["val_active_triplets"])) > 1


def test_a_training_that_collapses_is_stopped():
    """A loss that pulls all to one point: the rank falls epoch by epoch, and early stopping ends it."""
    x, labels = samples()
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, bias_initializer="ones")])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    stop = keras.callbacks.EarlyStopping("val_effective_rank", mode="max", patience=4)
    target = np.ones((len(x), 4), "float32")
    history = model.fit(
        x, target, epochs=60, callbacks=[CollapseMonitor(batches(x, labels)), stop], verbose=0
    ).history
    assert len(history["loss"]) < 60
    assert history["val_effective_rank"][-1] < history["val_effective_rank"][0]
    assert history["val_mean_similarity"][-1] > history["val_mean_similarity"][0]


def test_options():
    x, labels = samples()
    other = keras.Sequential([keras.Input((6,)), keras.layers.Rescaling([1, 1, 0, 0, 0, 0])])
    monitor = CollapseMonitor(batches(x, labels), every=2, prefix="train_", embedding_model=other)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(x, x[:, :1], epochs=2, callbacks=[monitor], verbose=0).history
    expected = metrics.collapse(x * [1, 1, 0, 0, 0, 0], labels)
    assert history["train_effective_rank"][0] == pytest.approx(expected["effective_rank"])
    assert 1 < expected["effective_rank"] < 2
    with pytest.raises(ValueError, match="Expected every to be an integer above 0, received: 0"):
        CollapseMonitor([], every=0)
