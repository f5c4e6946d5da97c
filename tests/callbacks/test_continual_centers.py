"""Centers that go and come in training: which ones, when, and what a training that is interrupted has."""

import keras
import numpy as np
import pytest
from center_models import BATCHES, GIVEN, INDEX, LABELS, build, fit
from keras import ops

import tfdml
from tfdml.callbacks import Backup, CenterRefresh, ContinualCenters
from tfdml.callbacks.center_draft import CenterDraft
from tfdml.callbacks.continual_centers import agreement, may_go

as_numpy = ops.convert_to_numpy
tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
NAMES = "centers", "centers_dropped", "centers_added"


def soft(**arguments):
    return build(**{"soft_targets": True} | arguments)


def both(batches=BATCHES, **arguments):
    return [CenterRefresh(batches, only_stored=True), ContinualCenters(batches, **arguments)]


def turned(layer_arguments=None, **arguments):
    """A model whose centers are stored, and the callback, before its first turn."""
    model, embed, layer = soft(**(layer_arguments or {}))
    callbacks = both(**arguments)
    for callback in callbacks:
        callback.set_model(model)
        callback.on_train_begin()
    return model, embed, layer, callbacks[1]


@tensorflow_only
def test_a_mega_epoch_is_training_a_turn_and_fine_tuning():
    model, _, layer = soft()
    history = fit(model, both(drop=5, add=2, every=2, fine_tune_epochs=1), epochs=8)
    columns = np.transpose([history[name] for name in NAMES]).tolist()
    before, first, second, later = [40, 0, 0], [35, 5, 0], [32, 5, 2], [32, 0, 0]
    assert columns == [before, before, first, [35, 0, 0], [35, 0, 0], second, later, later]
    assert layer.array("active").sum() == 29  # a turn after the last epoch
    assert all(value >= 0 for value in history["targets_projected"])


def test_the_best_go_and_the_worst_come_by_their_probability_without_themselves():
    _, embed, layer, callback = turned(drop=6, add=3)
    layer.drop(INDEX[:8])  # samples that are no centers
    z = as_numpy(embed(GIVEN["image"]))
    stored = INDEX[8:]
    alone = [as_numpy(layer(z[i : i + 1], index=INDEX[i : i + 1], training=True))[0] for i in range(8, 40)]
    good = np.array([p[label] for p, label in zip(alone, LABELS[8:], strict=True)])
    new = as_numpy(layer(z[:8]))[np.arange(8), LABELS[:8]]
    callback.turn()
    active = layer.array("active")
    assert set(stored[np.argsort(-good)[:6]]) == set(stored[~active[stored]])
    assert set(INDEX[:8][np.argsort(new)[:3]]) == set(INDEX[:8][active[INDEX[:8]]])
    assert (callback.dropped, callback.added) == (6, 3)


def test_a_turn_is_what_the_functions_do_by_hand():
    _, embed, layer, callback = turned(drop=4, add=2)
    layer.drop(INDEX[:5])
    _, _, twin = soft()
    for name in layer.state_names:
        getattr(twin, name).assign(layer.array(name))
    z, before = as_numpy(embed(GIVEN["image"])), layer.array("active")
    callback.turn()
    going = np.flatnonzero(before & ~layer.array("active"))
    order = [0, *np.argsort(as_numpy(twin(z[:5]))[np.arange(5), LABELS[:5]])]
    assert set(INDEX[order[1:3]]) == set(np.flatnonzero(~before & layer.array("active")))
    draft = CenterDraft(twin)
    own = draft.predict(z[5:], exclude=INDEX[5:])[np.arange(35), LABELS[5:]]
    best = INDEX[5:][np.argsort(-own, kind="stable")[:4]]
    assert set(best) == set(going)
    tfdml.continual.drop_centers(twin, best)
    tfdml.continual.add_centers(twin, z[order[1:3]], LABELS[order[1:3]], index=INDEX[order[1:3]])
    np.testing.assert_allclose(twin.array("targets"), layer.array("targets"), atol=1e-5)
    np.testing.assert_array_equal(twin.array("active"), layer.array("active"))


def test_a_center_of_each_class_stays():
    _, _, layer, callback = turned(drop=100)
    callback.turn()
    active = layer.array("active")
    assert active.sum() == 4 and callback.dropped == 36
    assert sorted(LABELS[np.isin(INDEX, np.flatnonzero(active))]) == [0, 1, 2, 3]
    assert may_go(np.array([1, 0, 1, 1, 0]), 1).tolist() == [True, True, True, False, False]
    assert may_go(np.array([1, 0, 1]), 0).all()


def test_a_turn_at_the_end_of_a_training_is_not_taken_again_as_it_goes_on():
    _, _, layer, callback = turned(drop=4, every=2)
    callback.on_epoch_end(1)
    callback.on_train_end()
    callback.on_train_begin()
    for epoch, centers, dropped in (2, 36, 4), (3, 36, 0), (4, 32, 4):
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, logs := {})
        assert (logs["centers"], logs["centers_dropped"]) == (centers, dropped)
    callback._done = 6
    for epoch in range(3):  # another training
        callback.on_epoch_begin(epoch)
    assert layer.array("active").sum() == 28


def test_what_agrees_is_the_probability_of_a_label_and_the_overlap_of_distributions():
    p = np.array([[0.2, 0.5, 0.3], [0.2, 0.5, 0.3]])
    np.testing.assert_allclose(agreement(p, np.array([[0, 1, 0], [0.2, 0.5, 0.3]])), [0.5, 1])


@pytest.mark.parametrize("redistribute", [True, False])
def test_labels_are_left_to_neighbours_or_not(redistribute):
    _, _, layer, callback = turned({"soft_targets": redistribute}, drop=20, redistribute=redistribute)
    callback.turn()
    assert layer.array("active").sum() == 20
    if redistribute:
        targets = layer.array("targets")[layer.array("active")]
        np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-5)
        assert (targets.max(axis=1) < 0.999).any()


@tensorflow_only
@pytest.mark.parametrize("arguments", [{}, {"search": tfdml.search.Exact()}], ids=["in graph", "outside"])
def test_a_turn_traces_nothing_anew(arguments):
    import tensorflow as tf

    model, _, layer = soft(**arguments)
    traced, counts, call = [], [], layer.call
    layer.call = lambda inputs, index=None, training=False: (
        tf.executing_eagerly() or traced.append(1),
        call(inputs, index=index, training=training),
    )[1]

    class Count(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            counts.append(len(traced))

    history = fit(model, [*both(drop=4, add=1), Count()], epochs=4)
    assert history["centers_dropped"] == [0, 4, 4, 4] and len(set(counts)) == 1 and counts[0]


@tensorflow_only
def test_what_was_dropped_is_not_stored_again():
    model, embed, layer = soft()
    fit(model, both(drop=8, every=1), epochs=3)
    active = layer.array("active")
    assert active.sum() == 16
    used = active[INDEX]
    np.testing.assert_allclose(layer.stored()[INDEX][used], as_numpy(embed(GIVEN["image"]))[used], atol=1e-5)
    model, _, _ = soft()
    with pytest.raises(ValueError, match=r"only_stored=True\), received: 8 that were stored again"):
        fit(model, [CenterRefresh(BATCHES), ContinualCenters(BATCHES, drop=8)], epochs=3)


@tensorflow_only
def test_centers_of_another_data_set_stay_while_one_is_trained_on():
    """Two tasks with slots of their own: a network that only grows."""
    first, second = [[batch] for batch in (BATCHES[0], BATCHES[1])]
    model, _, layer = soft()
    sizes = []
    for task in first, second:
        given, labels = task[0]
        kept = layer.array("active").copy() if sizes else None
        old = layer.stored() if sizes else None
        model.fit(given, labels, epochs=2, callbacks=both(task, add=3), verbose=0)
        sizes.append(int(layer.array("active").sum()))
        if kept is not None:
            assert layer.array("active")[kept].all()
            np.testing.assert_array_equal(layer.stored()[kept], old[kept])
    assert sizes == [16, 22]


class Stop(BaseException):
    """As if the process had been killed."""


def train(folder, seed, ours=True):
    """A training with a turn after every two epochs, which goes on where it was saved."""
    model, _, layer = soft(seed=seed)
    callbacks = both(drop=5, add=2, every=2)
    # Keras saves the end of an epoch wherever it stands in the list.
    backup = Backup(folder, callbacks) if ours else keras.callbacks.BackupAndRestore(folder)
    start = {"initial_epoch": backup.epoch} if ours else {}
    fit(model, [*callbacks, backup] if ours else [backup, *callbacks], epochs=5, **start)
    return layer, backup.history if ours else None


@pytest.fixture(scope="module")
def whole_training(tmp_path_factory):
    return train(tmp_path_factory.mktemp("whole"), 0)


@tensorflow_only
@pytest.mark.parametrize(
    ("ours", "where"), [(True, "add"), (False, "commit")], ids=["Backup", "BackupAndRestore"]
)
def test_a_kill_between_drop_and_add_resumes_before_or_after(
    tmp_path, monkeypatch, whole_training, ours, where
):
    (whole, history), states, seen = whole_training, [], []
    with monkeypatch.context() as patched:
        original, turns = getattr(CenterDraft, where), []

        def stop_in_the_second_turn(self, *arguments):
            if (self.active != self.before["active"]).any():  # a refresh changes no mask
                turns.append(1)
            if len(turns) == 2:
                states.append({name: self.layer.array(name) for name in self.before})
                seen.append(self.before)
                raise Stop
            return original(self, *arguments)

        patched.setattr(CenterDraft, where, stop_in_the_second_turn)
        with pytest.raises(Stop):
            train(tmp_path, 0, ours)
    for name, array in seen[0].items():
        np.testing.assert_array_equal(states[0][name], array)
    layer, resumed = train(tmp_path, 7, ours)
    for name in layer.state_names:
        np.testing.assert_allclose(layer.array(name), whole.array(name), rtol=1e-4, atol=1e-5, err_msg=name)
    if ours:
        for mine, theirs in zip(resumed, history, strict=True):
            assert mine == pytest.approx(theirs, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"drop": -1}, r"drop to be an integer of at least 0, received: -1"),
        ({"every": 0}, r"every to be an integer of at least 1, received: 0"),
        ({"layer": "dense"}, r"layer to be an NNGKClassifier, received: 'dense'"),
    ],
    ids=str,
)
def test_refuses_arguments_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        ContinualCenters(BATCHES, **arguments)


def test_refuses_models_and_data_that_do_not_fit():
    model, _, _ = build()
    callback = ContinualCenters(BATCHES, drop=1)
    callback.set_model(model)
    with pytest.raises(ValueError, match=r"soft_targets=True.*redistribute=False leaves them"):
        callback.on_train_begin()
    model, _, layer = soft()
    callback.set_model(model)
    callback.layer = None
    callback.on_train_begin()
    with pytest.raises(ValueError, match=r"to have centers before the first turn, received: none"):
        callback.turn()
    layer.set_centers(np.eye(4), np.arange(4))
    callback.dataset = callback._embed.dataset = [({"image": GIVEN["image"], "index": INDEX + 50}, LABELS)]
    with pytest.raises(ValueError, match=r"index to be from 0 to 49, the capacity less one, received: 5"):
        callback.turn()
