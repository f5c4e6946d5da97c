"""Centers that go and come by hand: what it does to predictions, and what labels make up for."""

import keras
import numpy as np
import pytest
from keras import ops
from nngk_layers import CENTERS, LABELS, QUERIES, classifier

import tfdml
from tfdml.callbacks import redistribution
from tfdml.continual import add_centers, drop_centers, influence
from tfdml.layers import KernelNeuron

as_numpy = ops.convert_to_numpy
RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=12).astype("float32")


def soft(**arguments):
    return classifier(soft_targets=True, log_weights=WEIGHTS, **arguments)


def clusters(count=60, dim=5, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    return (rng.normal(size=(count, dim)) + 1.2 * np.eye(classes, dim)[labels]).astype("float32"), labels


@pytest.fixture(scope="module")
def emoji():
    """Real pictures of 80 classes: their colours at 4x4 pixels, as unit embeddings, and labels."""
    pictures = tfdml.data.load("emoji", "validation")
    images = pictures.images().astype("float32")
    coarse = images.reshape(-1, 4, 16, 4, 16, 3).mean(axis=(2, 4)).reshape(len(images), -1)
    coarse -= coarse.mean(axis=0)
    return coarse / np.linalg.norm(coarse, axis=1, keepdims=True), np.unique(
        pictures.labels, return_inverse=True
    )[1]


@pytest.mark.parametrize(
    "labelled", [pytest.param(False, marks=pytest.mark.backend), True], ids=["soft", "labels"]
)
def test_influence_is_what_a_center_changes(labelled):
    """Of one that is stored and of one that comes: with its whole weight, and with little of it."""
    layer = classifier(soft_targets=not labelled, log_weights=WEIGHTS, neighbors=15)
    with_it = as_numpy(layer(QUERIES))
    whole = as_numpy(influence(layer, QUERIES, index=7, epsilon=1))
    derivative = as_numpy(influence(layer, QUERIES, index=7))
    layer.drop([7])
    without = as_numpy(layer(QUERIES))
    np.testing.assert_allclose(whole, with_it - without, atol=1e-6)
    weights = layer.array("log_weights")
    weights[7] = 0
    layer.log_weights.assign(weights)
    again = influence(layer, QUERIES, center=CENTERS[7], target=int(LABELS[7]))
    np.testing.assert_allclose(as_numpy(again) * np.exp(WEIGHTS[7]), derivative, rtol=1e-4, atol=1e-6)


def test_what_is_no_neighbour_has_no_influence():
    layer = soft(neighbors=3)
    got = as_numpy(influence(layer, CENTERS[:1], center=CENTERS[0] + 100, target=[0, 0, 1]))
    assert (got == 0).all()


def loop(centers, targets, log_weights, active, slot, neighbors, bandwidth, dropped):
    """Equation 13 for one center, by the book: all that there is in NumPy's float64."""

    def kernel(a, b):
        return np.exp(-((centers[a] - centers[b]) ** 2).sum() / (2 * bandwidth**2) + log_weights[b])

    def nearest(of, among):
        return sorted(among, key=lambda i: ((centers[i] - centers[of]) ** 2).sum())[:neighbors]

    rest = [i for i in np.flatnonzero(active) if i != slot]
    new = targets.copy()
    for j in nearest(slot, rest):
        among = nearest(j, [*rest, slot])
        if slot not in among:
            continue
        total = sum(kernel(j, i) for i in among if dropped or i != slot)
        change = kernel(j, slot) / total * (targets[slot] - targets[j])
        new[j] = targets[j] + change if dropped else targets[j] - change
    return new


@pytest.mark.parametrize("neighbors", [pytest.param(4, marks=pytest.mark.backend), 15])
def test_redistribution_is_equation_13(neighbors):
    layer = soft(neighbors=neighbors)
    targets = layer.array("targets")
    targets[:12] = RNG.dirichlet(3 * np.ones(3), 12)
    layer.set_targets(np.arange(12), targets[:12])
    expected, active = layer.array("targets").astype("float64"), layer.array("active")
    centers, weights = layer.stored().astype("float64"), layer.array("log_weights").astype("float64")
    for slot in 3, 8, 0:
        expected = loop(centers, expected, weights, active, slot, neighbors, 0.8, dropped=True)
        active[slot] = False
    changed = drop_centers(layer, [3, 8, 0])
    np.testing.assert_allclose(layer.array("targets")[active], expected[active], atol=1e-6)
    assert changed.projected == 0 and not layer.array("active")[[3, 8, 0]].any()
    new = RNG.normal(size=3).astype("float32")
    centers[3], weights[3], expected[3] = new, 0, [0.3, 0.3, 0.4]
    expected = loop(centers, expected, weights, active, 3, neighbors, 0.8, dropped=False)
    assert (expected[active] >= 0).all()
    assert add_centers(layer, new[None], [[0.3, 0.3, 0.4]], index=[3]).projected == 0
    np.testing.assert_allclose(layer.array("targets")[active], expected[active], atol=1e-6)


def test_to_add_what_was_dropped_gives_back_the_labels():
    z, labels = clusters()
    layer = classifier(z, labels, num_classes=4, capacity=60, soft_targets=True, neighbors=8)
    before, predictions = layer.array("targets"), as_numpy(layer(z))
    going = np.array([5, 17, 30, 31])
    drop_centers(layer, going)
    left = layer.array("targets")
    assert abs(left - before).max() > 0.05
    changed = add_centers(layer, z[going[::-1]], left[going[::-1]], index=going[::-1])
    assert changed.projected == 0
    np.testing.assert_allclose(layer.array("targets"), before, atol=1e-6)
    np.testing.assert_allclose(as_numpy(layer(z)), predictions, atol=1e-5)


@pytest.mark.parametrize("case", ["clusters", "emoji"])
def test_predictions_change_less_with_redistribution_than_without(case, request):
    """Against brute force: all predictions computed again, where a center was among the neighbours."""
    z, labels = clusters(200) if case == "clusters" else request.getfixturevalue("emoji")
    classes, kept, asked = labels.max() + 1, np.arange(0, len(z), 2), np.arange(1, len(z), 2)
    layer = classifier(
        z[kept], labels[kept], num_classes=classes, capacity=len(kept), soft_targets=True, neighbors=8,
        bandwidth="median",
    )  # fmt: skip
    state = {name: layer.array(name) for name in ("active", "targets")}
    neighbors, before = layer.explain(z[asked]).indices, as_numpy(layer(z[asked]))
    changes = {False: 0.0, True: 0.0}
    for slot in range(0, len(kept), 9):
        near = (neighbors == slot).any(axis=1)
        for redistribute in changes:
            drop_centers(layer, [slot], redistribute=redistribute)
            changes[redistribute] += np.square(as_numpy(layer(z[asked])) - before)[near].sum()
            for name, array in state.items():
                getattr(layer, name).assign(array)
    assert 0 < changes[True] < 0.95 * changes[False]


def test_labels_stay_distributions_and_their_order_matters_little():
    z, labels = clusters(80)
    results = []
    going = np.arange(0, 80, 4)
    for order in going, going[::-1]:
        layer = classifier(z, labels, num_classes=4, capacity=90, soft_targets=True, neighbors=8)
        drop_centers(layer, order)
        results.append(layer.array("targets")[layer.array("active")])
        np.testing.assert_allclose(results[-1].sum(axis=1), 1, atol=1e-6)
        assert (results[-1] >= 0).all()
    moved = abs(results[0] - np.eye(4)[labels[np.setdiff1d(np.arange(80), going)]]).sum()
    assert 0 < abs(results[0] - results[1]).sum() < 0.2 * moved


def test_labels_of_one_class_each_have_nothing_to_give():
    layer = soft()
    before = layer.array("targets")
    changed = add_centers(layer, CENTERS[:2] + 0.1, [1, 2])
    assert changed.projected > 0 and changed.index.tolist() == [12, 13]
    np.testing.assert_allclose(layer.array("targets")[:12], before[:12], atol=1e-6)


def test_many_are_one_function_that_is_traced_once(monkeypatch):
    turns = []
    original = redistribution.shared_out
    monkeypatch.setattr(redistribution, "shared_out", lambda *args: turns.append(1) or original(*args))
    z, labels = clusters(64, dim=6)
    layer = classifier(z, labels, num_classes=4, capacity=70, soft_targets=True)
    drop_centers(layer, [1])
    traced = len(turns)
    drop_centers(layer, np.arange(2, 40))
    drop_centers(layer, [60, 61])
    assert keras.backend.backend() != "tensorflow" or len(turns) == traced


@pytest.mark.parametrize("arguments", [{"compression": 2}, {"centers": "loose"}], ids=str)
def test_codes_and_trained_centers_go_and_come_too(arguments):
    z, labels = clusters(40)
    layer = classifier(z, labels, num_classes=4, capacity=41, soft_targets=True, **arguments)
    before = as_numpy(layer(z[:5]))
    drop_centers(layer, [0, 3])
    slots = add_centers(layer, z[[0, 3]], labels[[0, 3]], redistribute=False).index
    assert slots.tolist() == [0, 3] and layer.array("active").sum() == 40
    assert abs(as_numpy(layer(z[:5])) - before).max() < 0.3


@pytest.mark.parametrize(
    "stored", [np.ones((12, 3)), np.zeros((12, 3)), 1e14 * CENTERS], ids=["same", "zero", "huge"]
)
def test_degenerate_centers_keep_distributions(stored):
    layer = classifier(stored, soft_targets=True, bandwidth=0.5)
    assert np.isfinite(as_numpy(influence(layer, stored.astype("float64"), index=1))).all()
    drop_centers(layer, [0, 5])
    add_centers(layer, stored[:1], [1])
    targets = layer.array("targets")[:12]
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-5)
    assert (targets >= 0).all()


def test_without_redistribution_labels_do_too():
    layer = classifier()
    drop_centers(layer, [0, 1], redistribute=False)
    assert add_centers(layer, QUERIES[:1], [2], redistribute=False).index.tolist() == [0]
    assert layer.array("labels")[:2].tolist() == [2, 1] and layer.array("active").sum() == 11


def test_the_table_of_neighbours_follows():
    layer = soft(search=tfdml.search.Exact())
    drop_centers(layer, [4])
    assert not (layer.array("table")[layer.array("active")] == 4).any()


def test_the_first_centers_set_the_bandwidth():
    layer = tfdml.layers.NNGKClassifier(3, capacity=12, soft_targets=True)
    layer.build((None, 3))
    assert add_centers(layer, CENTERS, LABELS).index.tolist() == list(range(12))
    assert layer.array("bandwidth_is_set")


def test_a_change_that_fails_half_way_changes_nothing(monkeypatch):
    layer = soft()
    before = {name: layer.array(name) for name in layer.state_names}
    assign, done = type(layer.targets).assign, []

    def failing(self, value):
        done.append(self.name)
        if len(done) == 2:
            raise KeyboardInterrupt
        return assign(self, value)

    monkeypatch.setattr(type(layer.targets), "assign", failing)
    with pytest.raises(KeyboardInterrupt):
        drop_centers(layer, [2, 5])
    assert len(done) > 2  # what was assigned is taken back
    for name, array in before.items():
        np.testing.assert_array_equal(layer.array(name), array)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: drop_centers(classifier(), [0]), r"soft_targets=True.*received: a layer with labels"),
        (lambda: drop_centers(soft(), [0, 13]), r"index to be slots in use, received: 13"),
        (lambda: drop_centers(soft(), [0, 0]), r"each slot once"),
        (lambda: drop_centers(soft(), [15]), r"index to be from 0 to 14, .*received: 15 to 15"),
        (lambda: add_centers(soft(), CENTERS[:4], LABELS[:4]), r"at most 3 embeddings.*15, received: 4"),
        (lambda: add_centers(soft(), CENTERS[:1], [0], index=[2]), r"slots that are free, received: 2"),
        (lambda: add_centers(soft(), CENTERS[:1], [3]), r"labels to be from 0 to 2, received: 3"),
        (lambda: influence(soft(), QUERIES), r"either index, or center and target"),
        (lambda: influence(soft(), QUERIES, index=1, center=CENTERS[0], target=0), r"either index"),
        (lambda: influence(soft(), QUERIES, index=14), r"a slot in use, received: 14"),
        (lambda: influence(soft(), QUERIES, index=1, epsilon=-1), r"epsilon to be a number of at least 0"),
        (lambda: influence(KernelNeuron(2, 3), QUERIES, index=1), r"to be an NNGKClassifier, received"),
        (lambda: drop_centers(tfdml.layers.NNGKClassifier(2, 3), [0]), r"to be built"),
    ],
)  # fmt: skip
def test_what_cannot_be_done(call, message):
    with pytest.raises(ValueError, match=message):
        call()
