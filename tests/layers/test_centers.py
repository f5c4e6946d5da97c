"""What classifiers by neighbours store: slots, distributions, tables, copies with room for more."""

import json
import subprocess
import sys

import keras
import numpy as np
import oracles_classifiers as oracles
import pytest
from keras import ops
from stored_centers import CENTERS, LABELS, QUERIES, classifier

import tfdml
from tfdml.layers import NearestNeighborsClassifier, NNGKClassifier

as_numpy = ops.convert_to_numpy
tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")


@pytest.mark.backend
def test_slots_are_filled_freed_and_used_again():
    layer = classifier(bandwidth=1.0)
    layer.write(np.arange(12), log_weights=np.arange(12.0))
    layer.drop([4, 0])
    active = np.arange(15) < 12
    active[[4, 0]] = False
    log_weights = np.r_[np.arange(12.0), np.zeros(3)]

    def expected(centers, labels):
        arguments = {"bandwidth": 1.0, "k": 5, "log_weights": log_weights, "active": active}
        return [oracles.nngk(z, centers, labels, **arguments) for z in QUERIES]

    filled, classes = np.r_[CENTERS, np.zeros((3, 4))], np.r_[LABELS, 0, 0, 0]
    np.testing.assert_allclose(as_numpy(layer(QUERIES)), expected(filled, classes), atol=1e-5)
    slots = layer.add(QUERIES[:3], np.array([2, 2, 0]))
    assert slots.tolist() == [0, 4, 12]
    filled[slots], classes[slots], active[slots], log_weights[slots] = QUERIES[:3], [2, 2, 0], True, 0
    np.testing.assert_allclose(as_numpy(layer(QUERIES)), expected(filled, classes), atol=1e-5)
    assert layer.explain(QUERIES[:3]).indices[:, 0].tolist() == [0, 4, 12]
    with pytest.raises(ValueError, match="at most 2 embeddings, the slots that are free of a capacity of 15"):
        layer.add(QUERIES[:3], np.array([2, 2, 0]))


def test_set_centers_replaces_all_and_weights_stay_with_slots_in_use():
    layer = classifier()
    layer.write(np.arange(12), log_weights=1.0)
    layer.set_centers(QUERIES[:3], np.array([2, 1, 0]), index=np.array([14, 0, 5]))
    assert np.flatnonzero(as_numpy(layer.active)).tolist() == [0, 5, 14]
    assert as_numpy(layer.log_weights)[[0, 5, 14]].tolist() == [1, 1, 0]
    np.testing.assert_array_equal(layer.explain(QUERIES[:3]).indices[:, 0], [14, 0, 5])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((CENTERS[:, :3], LABELS), r"embeddings to be of shape \(samples, 4\), received: \(12, 3\)"),
        ((np.zeros((16, 4)), np.zeros(16, int)), "at most 15 embeddings, the capacity, received: 16"),
        ((CENTERS * np.nan, LABELS), "embeddings to be finite"),
        ((CENTERS, LABELS[:5]), r"labels to be integers of shape \(12,\), received: int64 of shape \(5,\)"),
        ((CENTERS, LABELS / 2), "labels to be integers"),
        ((CENTERS, LABELS + 1), "labels to be from 0 to 2, received: 1 to 3"),
        ((CENTERS, LABELS - 1), "labels to be from 0 to 2, received: -1 to 1"),
        (
            (CENTERS, LABELS, np.arange(12) + 4),
            "index to be from 0 to 14, the capacity less one, received: 4 to 15",
        ),
        ((CENTERS, LABELS, np.zeros(12, int)), "index to name each slot once"),
        (
            (CENTERS, LABELS, np.arange(11)),
            r"index to be integers of shape \(12,\), received: int64 of shape",
        ),
    ],
    ids=str,
)
def test_refuses_what_does_not_fit(arguments, message):
    layer = classifier()
    before = as_numpy(layer(QUERIES))
    with pytest.raises(ValueError, match=message):
        layer.set_centers(*arguments)
    np.testing.assert_array_equal(layer(QUERIES), before)  # nothing was touched


def test_a_layer_that_was_not_built_says_so():
    layer = NNGKClassifier(3, capacity=4)
    for call in (
        lambda: layer.set_centers(CENTERS[:3], LABELS[:3]),
        lambda: layer.add(CENTERS, LABELS),
        lambda: layer.drop([0]),
        lambda: layer.explain(QUERIES),
        layer.resized,
        layer.compressed,
    ):
        with pytest.raises(ValueError, match=r"to be built, received: a layer that was never called"):
            call()


@pytest.mark.backend
@pytest.mark.parametrize("activation", ["softmax", None])
def test_soft_targets_equal_a_loop(activation):
    layer = classifier(soft_targets=True, bandwidth=1.0, activation=activation)
    assert not hasattr(layer, "labels")
    np.testing.assert_array_equal(
        layer.explain(QUERIES).labels, classifier(bandwidth=1.0).explain(QUERIES).labels
    )
    targets = np.eye(3)[LABELS]
    targets[[7, 2]] = [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]
    layer.set_targets([7, 2], targets[[7, 2]])
    expected = [oracles.nngk(z, CENTERS, targets, 1.0, 5) for z in QUERIES]
    got = layer(QUERIES) if activation else ops.softmax(layer(QUERIES))
    np.testing.assert_allclose(as_numpy(got), expected, atol=1e-5)
    rows = np.random.default_rng(1).dirichlet(np.ones(3), 12)
    layer.set_centers(CENTERS, rows)
    np.testing.assert_allclose(as_numpy(layer.targets)[:12], rows, atol=1e-6)
    assert layer.labels_at(np.arange(12)).shape == (12,)
    layer.add(QUERIES[:1], rows[:1])
    np.testing.assert_allclose(as_numpy(layer.targets)[12], rows[0], atol=1e-6)


@pytest.mark.parametrize(
    "rows",
    [[[0.5, 0.6, 0.0]], [[1.5, -0.5, 0.0]], [[np.nan, 1.0, 0.0]], [[1.0, 0.0]], [1.0, 0.0, 0.0]],
    ids=str,
)
def test_refuses_targets_that_are_no_distributions(rows):
    with pytest.raises(ValueError, match="targets to be"):
        classifier(soft_targets=True).set_targets([3], np.array(rows))
    with pytest.raises(ValueError, match="soft_targets"):
        classifier().set_targets([3], np.eye(3)[:1])


def test_soft_targets_take_labels_only_of_classes_that_there_are():
    layer = classifier(soft_targets=True)
    with pytest.raises(ValueError, match="labels to be from 0 to 2, received: 3 to 3"):
        layer.add(QUERIES[:1], np.array([3]))


@pytest.mark.backend
@pytest.mark.parametrize(
    "arguments", [{}, {"soft_targets": True}, {"compression": 2}, {"centers": "loose"}], ids=str
)
def test_a_layer_with_room_for_more_says_the_same(arguments):
    layer = classifier(**arguments)
    layer.write(np.arange(12), log_weights=np.random.default_rng(1).normal(size=12))
    larger = layer.resized(capacity=40, num_classes=5)
    assert (larger.capacity, larger.num_classes, larger.name) == (40, 5, layer.name)
    got, before = as_numpy(larger(QUERIES)), as_numpy(layer(QUERIES))
    np.testing.assert_allclose(got, np.pad(before, ((0, 0), (0, 2))), atol=1e-6)
    np.testing.assert_allclose(
        as_numpy(larger.confidence(QUERIES)), as_numpy(layer.confidence(QUERIES)), atol=1e-6
    )
    assert larger.add(QUERIES, np.full(5, 4)).tolist() == [12, 13, 14, 15, 16]
    assert (as_numpy(larger(QUERIES))[:, 4] > 0.01).mean() > 0.5 and (got[:, 4] == 0).all()
    np.testing.assert_array_equal(as_numpy(layer(QUERIES)), before)
    with pytest.raises(ValueError, match="capacity to be at least 15, what it is, received: 14"):
        layer.resized(capacity=14)
    with pytest.raises(ValueError, match="num_classes to be at least 3"):
        layer.resized(num_classes=2)


def test_what_the_search_keeps_of_centers_is_theirs():
    """Whatever stores them; loose ones, which are trained, have none."""
    layer = classifier()
    layer.drop([3])
    layer.add(QUERIES[:2], np.array([0, 1]))
    layer.set_centers(2 * CENTERS[3:9], LABELS[3:9], np.arange(3, 9))
    layer.write([0], centers=QUERIES[:1])
    for each in layer, layer.resized(30):
        assert each.half_squares[0] > 0
        np.testing.assert_allclose(each.half_squares, np.square(each.stored()).sum(axis=1) / 2, rtol=1e-6)
    assert "half_squares" not in classifier(centers="loose").state_names


@pytest.mark.parametrize(
    "search",
    [tfdml.search.Exact(), tfdml.search.Exact("squared_euclidean", tile=5), tfdml.search.FAISS("hnsw")],
    ids=["euclidean", "tiles of squares", "outside"],
)
@pytest.mark.parametrize("arguments", [{}, {"soft_targets": True}, {"compression": 2}], ids=str)
def test_training_looks_up_the_neighbours_of_the_last_refresh(search, arguments):
    layer, exact = (
        classifier(search=search, bandwidth=1.0, **arguments),
        classifier(bandwidth=1.0, **arguments),
    )
    own, z = np.array([2, 7, 11]), CENTERS[[2, 7, 11]] + 0.001
    np.testing.assert_array_equal(layer(QUERIES), exact(QUERIES))
    for each in layer, exact:
        each.write(np.arange(12), log_weights=np.random.default_rng(1).normal(size=12))
    got = as_numpy(layer(z, index=own, training=True))
    np.testing.assert_allclose(got, as_numpy(exact(z, index=own, training=True)), atol=1e-5)
    table = as_numpy(layer.table)
    assert table.shape == (15, 5) and (table[12:] == -1).all()
    assert not (table == np.arange(15)[:, None]).any()
    # Elsewhere the neighbours are still the old ones, whatever is near now.
    far = as_numpy(layer(QUERIES[:3], index=own, training=True))
    for z, slots, row in zip(QUERIES, table[own], far, strict=False):
        only = np.isin(np.arange(12), slots)
        weights = as_numpy(layer.log_weights)
        np.testing.assert_allclose(
            row, oracles.nngk(z, layer.stored()[:12], LABELS, 1.0, 5, weights, only), atol=1e-5
        )
    # A center that was dropped is no neighbour; a sample without a slot has none.
    layer.drop(np.unique(table[2]))
    assert (as_numpy(layer(CENTERS[[2, 2]], index=np.array([2, -1]), training=True)) == 0).all()
    layer.renew_table(QUERIES[:1], np.array([2]))
    assert set(as_numpy(layer.table)[2]) <= set(np.flatnonzero(as_numpy(layer.active))) - {2}
    assert layer.get_config()["search"]["kind"] == search.kind
    assert layer.searches_outside == (search.kind == "faiss") and not exact.searches_outside


SAVED = {
    "tied": {},
    "soft": {"soft_targets": True, "activation": None},
    "loose": {"centers": "loose", "bandwidth": "learned", "sample_weights": False},
    "compressed": {"compression": 2},
    "searching": {"search": tfdml.search.IVF(lists=3)},
    "outside": {"search": tfdml.search.FAISS("ivf", lists=3)},
}


@tensorflow_only
def test_a_fresh_process_loads_the_same(tmp_path):
    """Centers, labels, weights, mask and bandwidth, in `.keras` files and in those of weights alone."""
    layers = {name: classifier(name=name, **arguments) for name, arguments in SAVED.items()}
    layers["majority"] = classifier(NearestNeighborsClassifier, name="majority", compression=4)
    x = keras.Input((4,), name="x")
    for layer in layers.values():
        layer.drop([1])
        if layer.name != "majority":
            layer.write(np.arange(12), log_weights=np.linspace(-1, 1, 12))
    model = keras.Model(x, [layer(x) for layer in layers.values()])
    model.save(tmp_path / "model.keras")
    np.savez(
        tmp_path / "expected.npz", x=QUERIES, **{n: as_numpy(layer(QUERIES)) for n, layer in layers.items()}
    )
    np.savez(tmp_path / "state.npz", **{v.path: as_numpy(v) for v in model.variables})
    script = """
import keras, numpy as np, tfdml
model = keras.saving.load_model("model.keras")
expected, state = np.load("expected.npz"), np.load("state.npz")
for layer in model.layers[1:]:
    np.testing.assert_allclose(layer(expected["x"]), expected[layer.name], atol=1e-6)
    assert layer.resized(20).add(expected["x"], np.zeros(5, int)).tolist() == [1, 12, 13, 14, 15]
assert len(model.variables) == len(state.files) > 40
for v in model.variables:
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(v), state[v.path])
for name in "searching", "outside":
    searching = model.get_layer(name)
    assert isinstance(searching.search, dict) and searching.searches_outside == (name == "outside")
    searching.renew_table()
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(searching.table)[1], -1)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for layer in layers.values():
        assert json.loads(json.dumps(layer.get_config())) == layer.get_config()
