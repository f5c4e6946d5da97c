import functools

import keras
import numpy as np
import pytest
from center_models import BATCHES, GIVEN, IMAGES, INDEX, LABELS, build, fit
from keras import ops

import tfdml
from tfdml.callbacks import CenterRefresh
from tfdml.layers import NearestNeighborsClassifier, NNGKClassifier

as_numpy = ops.convert_to_numpy
tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")


class Watch(keras.callbacks.Callback):
    """Notes, at both ends of each epoch, the centers and what the samples are."""

    def __init__(self, embed, layer):
        super().__init__()
        self.embed, self.layer, self.begin, self.end = embed, layer, [], []

    def _now(self):
        return self.layer.stored()[INDEX], as_numpy(self.embed(IMAGES))

    def on_epoch_begin(self, epoch, logs=None):
        self.begin.append(self._now())

    def on_epoch_end(self, epoch, logs=None):
        self.end.append(self._now())


@pytest.mark.backend
def test_centers_are_those_of_the_last_refresh():
    """Of their own slots, in inference mode, constant in between, and fresh at the end."""
    model, embed, layer = build(dropout=0.2)
    watch = Watch(embed, layer)
    refresh = CenterRefresh(BATCHES, every=2)
    history = fit(model, [refresh, watch], epochs=5)
    np.testing.assert_array_equal(np.flatnonzero(as_numpy(layer.active)), np.sort(INDEX))
    np.testing.assert_array_equal(as_numpy(layer.labels)[INDEX], LABELS)
    for epoch, ((centers, now), (later, then)) in enumerate(zip(watch.begin, watch.end, strict=True)):
        np.testing.assert_array_equal(later, centers)
        assert np.abs(then - now).max() > 1e-4
        fresh = np.abs(centers - now).max() < 1e-5
        assert fresh == (epoch % 2 == 0), epoch
    np.testing.assert_allclose(layer.stored()[INDEX], as_numpy(embed(IMAGES)), atol=1e-5)
    drift, changed = history["center_drift"], history["neighbors_changed"]
    assert drift[0] == drift[1] == changed[0] == 0 < drift[2] == drift[3] and 0 <= changed[2] <= 1
    moved = np.linalg.norm(layer.stored()[INDEX] - watch.end[-1][0], axis=1).mean()
    assert refresh.center_drift == pytest.approx(moved / float(ops.exp(layer.log_bandwidth)), rel=1e-4)


@pytest.mark.backend
def test_weights_stay_with_their_samples():
    model, _, layer = build()
    fit(model, [CenterRefresh(BATCHES)])
    weights = as_numpy(layer.log_weights)
    assert (weights[INDEX] != 0).mean() > 0.8 and (np.delete(weights, INDEX) == 0).all()
    refresh = CenterRefresh(BATCHES[::-1])
    refresh.set_model(model)
    refresh.on_train_begin()
    refresh.refresh()
    np.testing.assert_array_equal(as_numpy(layer.log_weights), weights)


@pytest.mark.backend
@pytest.mark.parametrize("mode", ["fixed", "loose"])
def test_fixed_and_loose_centers_are_stored_once(mode):
    model, embed, layer = build(centers=mode)
    first, watch = as_numpy(embed(IMAGES)), Watch(embed, layer)
    fit(model, [CenterRefresh(BATCHES), watch])
    np.testing.assert_allclose(watch.begin[0][0], first, atol=1e-5)
    moved = np.abs(layer.stored()[INDEX] - first).max()
    assert moved > 1e-3 if mode == "loose" else moved < 1e-5
    trained = layer.stored()
    fit(model, [CenterRefresh(BATCHES)], epochs=1, initial_epoch=0)  # what goes on does not begin anew
    assert np.abs(layer.stored() - trained).max() < 0.1


def test_a_huge_regularisation_holds_loose_centers_at_the_embeddings():
    model, embed, layer = build(centers="loose", center_regularization=1e4, rate=1e-3)
    fit(model, [CenterRefresh(BATCHES)], epochs=4)
    free, moved, other = build(centers="loose", center_regularization=0, rate=1e-3)
    fit(free, [CenterRefresh(BATCHES)], epochs=4)
    held = np.abs(layer.stored()[INDEX] - as_numpy(embed(IMAGES))).max()
    assert held < 0.02
    assert np.abs(other.stored()[INDEX] - as_numpy(moved(IMAGES))).max() > 2 * held


def test_none_stores_once_and_a_late_start_waits():
    model, embed, layer = build()
    first = as_numpy(embed(IMAGES))
    fit(model, [CenterRefresh(BATCHES, every=None)])
    np.testing.assert_allclose(layer.stored()[INDEX], first, atol=1e-5)
    model, embed, layer = build()
    watch = Watch(embed, layer)
    fit(model, [CenterRefresh(BATCHES, every=2, on_train_begin=False), watch])
    assert (watch.begin[1][0] == 0).all()
    np.testing.assert_allclose(watch.begin[2][0], watch.begin[2][1], atol=1e-5)


@pytest.mark.backend
def test_learns():
    model, embed, layer = build()
    history = fit(model, [CenterRefresh(BATCHES)], epochs=8)
    assert history["loss"][-1] < 0.6 * history["loss"][0]
    assert (as_numpy(layer(embed(IMAGES))).argmax(axis=1) == LABELS).mean() > 0.8


@tensorflow_only
@pytest.mark.parametrize("search", [None, tfdml.search.FAISS("hnsw")], ids=["in graph", "outside"])
def test_a_refresh_in_the_middle_traces_nothing_anew(search):
    """Neither the step that trains nor the function that embeds: both have the layer `Dense`."""
    import tensorflow as tf

    model, _, layer = build(search=search)
    traced, counts = [], []
    (dense,) = (part for part in model.layers if isinstance(part, keras.layers.Dense))
    for part in dense, layer:
        part.call = noted(part.call, lambda: tf.executing_eagerly() or traced.append(1))

    class Count(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            counts.append(len(traced))

    fit(model, [CenterRefresh(BATCHES), Count()], epochs=4)
    assert set(counts) == {counts[0]} and counts[0] >= 3


def noted(function, note):
    @functools.wraps(function)
    def call(*args, **kwargs):
        note()
        return function(*args, **kwargs)

    return call


@tensorflow_only
def test_tf_data_sequential_models_and_classifiers_without_training():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((GIVEN, LABELS)).batch(16)
    model, embed, layer = build()
    model.fit(dataset, epochs=2, callbacks=[CenterRefresh(dataset)], verbose=0)
    np.testing.assert_allclose(layer.stored()[INDEX], as_numpy(embed(IMAGES)), atol=1e-5)
    majority = NearestNeighborsClassifier(4, capacity=50)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4), majority])
    refresh = CenterRefresh(dataset)
    refresh.set_model(model)
    refresh.on_train_begin()
    np.testing.assert_allclose(majority.stored()[INDEX], as_numpy(model.layers[0](IMAGES)), atol=1e-5)
    assert (model.predict(IMAGES, verbose=0).argmax(axis=1) == LABELS).mean() > 0.7


@pytest.mark.backend
def test_soft_targets_stay_with_their_samples():
    model, _, layer = build(soft_targets=True)
    refresh = CenterRefresh(BATCHES)
    refresh.set_model(model)
    refresh.on_train_begin()
    layer.set_targets(INDEX[:1], np.full((1, 4), 0.25))
    refresh.refresh()
    np.testing.assert_array_equal(as_numpy(layer.targets)[INDEX[:1]], np.full((1, 4), 0.25))


@pytest.mark.parametrize("mode", ["tied", "fixed", "loose"])
def test_with_an_index_the_table_is_that_of_what_samples_are_at_a_refresh(mode):
    search = tfdml.search.Exact()
    model, embed, layer = build(centers=mode, search=search, neighbors=5)

    class Check(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            built = tfdml.search.Exact().build(layer.stored(), active=layer.array("active"))
            found = built.query(as_numpy(embed(IMAGES)), 5, exclude=INDEX).indices
            same = (np.sort(layer.array("table")[INDEX]) == np.sort(found)).mean()
            assert same > 0.99 if epoch % 2 == 0 else same < 1, epoch

    history = fit(model, [CenterRefresh(BATCHES, every=2), Check()], epochs=3)
    assert np.isfinite(history["loss"]).all() and history["neighbors_changed"][2] > 0


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ([], "at least one batch"),
        ([(IMAGES, LABELS)], "batches"),
        ([{"image": IMAGES, "index": INDEX}], "batches"),
        ([({"image": IMAGES}, LABELS)], "the input 'index', received: image"),
        ([({"index": INDEX}, LABELS)], "the input 'image' to be given, received: index"),
        (
            [({**GIVEN, "index": INDEX + 1000}, LABELS)],
            "index to be from 0 to 49, the capacity less one, received: 10",
        ),
        (
            [({**GIVEN, "index": INDEX - 1}, LABELS)],
            "index to be from 0 to 49, the capacity less one, received: -1",
        ),
        ([*BATCHES, BATCHES[0]], "at most 50 embeddings, the capacity, received: 56"),
        ([*BATCHES, tuple(BATCHES[0][:1]) + (LABELS[:16],)][:3] + BATCHES[2:], "each slot once"),
        ([(GIVEN, LABELS + 1)], "labels to be from 0 to 3, received: 1 to 4"),
        ([(GIVEN, LABELS / 2)], "labels to be integers"),
    ],
    ids=str,
)
def test_refuses_a_data_set_that_does_not_fit(dataset, message):
    model, _, layer = build()
    refresh = CenterRefresh(dataset)
    refresh.set_model(model)
    with pytest.raises(ValueError, match=message):
        refresh.on_train_begin()
    assert not as_numpy(layer.active).any()


def test_refuses_models_and_arguments_that_do_not_fit():
    for every in 0, 1.5, True:
        with pytest.raises(ValueError, match="every to be an integer of at least 1"):
            CenterRefresh(BATCHES, every=every)
    with pytest.raises(ValueError, match="layer to be a classifier by neighbours"):
        CenterRefresh(BATCHES, layer=keras.layers.Dense(3))
    image = keras.Input((6,), name="image")
    two = [NNGKClassifier(4, 50)(image), NNGKClassifier(4, 50)(image)]
    for output, count in ((two, 2), (keras.layers.Dense(4)(image), 0)):
        refresh = CenterRefresh(BATCHES)
        refresh.set_model(keras.Model(image, output))
        with pytest.raises(ValueError, match=f"as the model has {count}"):
            refresh.on_train_begin()

    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.classifier = NNGKClassifier(4, 50)

        def call(self, x):
            return self.classifier(x)

    model = Subclassed()
    model(IMAGES)
    refresh = CenterRefresh(BATCHES)
    refresh.set_model(model)
    with pytest.raises(ValueError, match="model to be Functional or Sequential"):
        refresh.on_train_begin()


@tensorflow_only
@pytest.mark.parametrize(
    "arguments", [{"soft_targets": True}, {"centers": "loose", "bandwidth": "learned"}], ids=str
)
def test_trains_under_xla_as_without(arguments):
    losses = []
    for jit_compile in False, True:
        model, _, _ = build(**arguments)
        loss = keras.losses.SparseCategoricalCrossentropy()
        model.compile(keras.optimizers.SGD(0.1), loss, jit_compile=jit_compile)
        losses.append(fit(model, [CenterRefresh(BATCHES)])["loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3) and losses[0][-1] < losses[0][0]
