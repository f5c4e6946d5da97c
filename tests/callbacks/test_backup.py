import json

import keras
import numpy as np
import pytest

from tfdml.callbacks import Backup

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = (X @ np.arange(4.0, dtype="float32"))[:, None]


def build(seed=0, units=1, optimizer="adam"):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])
    model.compile(optimizer, loss="mse")
    return model


def fit(model, backup, epochs, callbacks=()):
    """What a user writes: the same lines for a new training and one that goes on."""
    return model.fit(
        X,
        Y,
        batch_size=8,
        epochs=epochs,
        initial_epoch=backup.epoch,
        shuffle=False,
        callbacks=[*callbacks, backup],
        verbose=0,
    )


def test_a_training_in_two_parts_equals_one_in_one(tmp_path):
    whole = build()
    fit(whole, Backup(tmp_path / "whole"), 4)
    fit(build(), Backup(tmp_path / "parts"), 2)

    model, backup = build(seed=1), Backup(tmp_path / "parts")
    assert backup.epoch == 2 and [row["epoch"] for row in backup.history] == [0, 1]
    fit(model, backup, 4)
    assert int(model.optimizer.iterations) == int(whole.optimizer.iterations) == 16
    for ours, theirs in zip(model.optimizer.variables, whole.optimizer.variables, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    for ours, theirs in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    losses = [row["loss"] for row in Backup(tmp_path / "whole").history]
    assert [row["loss"] for row in backup.history] == pytest.approx(losses) and len(losses) == 4


def test_one_state_is_kept_and_it_is_whole(tmp_path):
    fit(build(), Backup(tmp_path), 3)
    (folder,) = tmp_path.iterdir()
    assert folder.name == "epoch-000003"
    assert {path.name for path in folder.iterdir()} == {"model.weights.h5", "state.json", "callbacks.npz"}


def test_what_a_kill_left_is_passed_over(tmp_path):
    fit(build(), Backup(tmp_path), 2)
    (tmp_path / "part-000003").mkdir()
    (tmp_path / "part-000003" / "model.weights.h5").write_bytes(b"half")
    old = tmp_path / "epoch-000001"  # half removed
    old.mkdir()
    backup = Backup(tmp_path)
    assert backup.epoch == 2
    fit(build(seed=1), backup, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-000003"]


def test_a_write_that_fails_leaves_the_state_before(tmp_path, monkeypatch):
    fit(build(), Backup(tmp_path), 1)

    def full(model, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Sequential, "save_weights", full)
    with pytest.raises(OSError, match=r"training state in .*: No space left on device"):
        fit(build(), Backup(tmp_path), 2)
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-000001"]
    assert Backup(tmp_path).epoch == 1


def counting():
    return [
        keras.callbacks.EarlyStopping("loss", mode="min", patience=9, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau("loss", mode="min", patience=2, min_delta=1e6, factor=0.5),
    ]


def test_other_callbacks_count_on(tmp_path):
    one, two = counting(), counting()
    whole = build()
    fit(whole, Backup(tmp_path / "whole", one), 6, one)

    first = counting()
    fit(build(), Backup(tmp_path / "parts", first), 3, first)
    model = build(seed=1)
    fit(model, Backup(tmp_path / "parts", two), 6, two)
    for name in ("wait", "best", "best_epoch", "patience", "min_delta"):
        assert getattr(two[0], name) == pytest.approx(getattr(one[0], name)), name
    for name in ("wait", "best", "cooldown_counter", "min_delta"):
        assert getattr(two[1], name) == pytest.approx(getattr(one[1], name)), name
    assert float(model.optimizer.learning_rate) == float(whole.optimizer.learning_rate) < 1e-3


def test_the_best_weights_of_early_stopping_are_those_from_before_the_stop(tmp_path):
    def diverging():
        stop = keras.callbacks.EarlyStopping("loss", mode="min", patience=9, restore_best_weights=True)
        rate = keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 if epoch == 0 else 5.0)
        return [rate, stop]

    whole, parts = diverging(), diverging()
    expected = build(optimizer="sgd")
    fit(expected, Backup(tmp_path / "whole", whole), 4, whole)
    assert whole[1].best_epoch == 0
    interrupted = build(optimizer="sgd")
    interrupted_callbacks = diverging()
    fit(interrupted, Backup(tmp_path / "parts", interrupted_callbacks), 2, interrupted_callbacks)
    model = build(seed=1, optimizer="sgd")
    fit(model, Backup(tmp_path / "parts", parts), 4, parts)
    for ours, theirs in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_training_that_a_callback_ended_is_known_as_finished(tmp_path):
    stop = keras.callbacks.EarlyStopping("loss", mode="min", patience=1, min_delta=1e6)
    fit(build(), Backup(tmp_path, [stop]), 9, [stop])
    backup = Backup(tmp_path)
    assert backup.finished and backup.epoch == 2


def test_other_callbacks_than_those_of_the_state_are_refused(tmp_path):
    fit(build(), Backup(tmp_path, counting()), 1)
    with pytest.raises(ValueError, match=r"\(EarlyStopping, ReduceLROnPlateau\), received: none"):
        fit(build(), Backup(tmp_path), 2)
    with pytest.raises(ValueError, match=r"received: ReduceLROnPlateau, EarlyStopping"):
        fit(build(), Backup(tmp_path, counting()[::-1]), 2)


@pytest.mark.parametrize("change", [{"units": 2}, {"optimizer": "sgd"}])
def test_the_state_of_another_model_is_refused(tmp_path, change):
    fit(build(), Backup(tmp_path), 1)
    with pytest.raises(ValueError, match=r"epoch-000001 to be the state of this model, received: .+"):
        fit(build(**change), Backup(tmp_path), 2)


def test_a_damaged_state_is_named(tmp_path):
    fit(build(), Backup(tmp_path), 1)
    (tmp_path / "epoch-000001" / "state.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"epoch-000001 to be a saved training state"):
        Backup(tmp_path)


def test_numbers_of_numpy_are_saved(tmp_path):
    class Counter(keras.callbacks.Callback):
        best = None

        def on_epoch_end(self, epoch, logs=None):
            self.best, self.count, self.seen = np.float32(0.5), np.int64(3), np.bool_(True)

    counter = Counter()
    fit(build(), Backup(tmp_path, [counter]), 1, [counter])
    state = json.loads((tmp_path / "epoch-000001" / "state.json").read_text(encoding="utf-8"))
    assert (
        state["callbacks"][0]["numbers"] | {"best": 0.5, "count": 3, "seen": True}
        == (state["callbacks"][0]["numbers"])
    )
    again = Counter()
    Backup(tmp_path, [again]).restore(build())
    assert (again.best, again.count, again.seen) == (0.5, 3, True)
