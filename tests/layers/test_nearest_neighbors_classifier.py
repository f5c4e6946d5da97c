import numpy as np
import oracles_classifiers as oracles
import pytest
from keras import ops

from tfdml.layers import NearestNeighborsClassifier, NNGKClassifier

as_numpy = ops.convert_to_numpy
RNG = np.random.default_rng(0)
CENTERS, LABELS = RNG.normal(size=(30, 3)).astype("float32"), np.arange(30) % 4
QUERIES = RNG.normal(size=(40, 3)).astype("float32")


def classifier(cls=NearestNeighborsClassifier, stored=CENTERS, labels=LABELS, **arguments):
    layer = cls(num_classes=4, capacity=32, **arguments)
    layer.build((None, 3))
    layer.set_centers(stored, labels)
    return layer


@pytest.mark.backend
@pytest.mark.parametrize("neighbors", [1, 2, 5, 30, 100])
def test_equals_a_loop(neighbors):
    """The winners, ties by nearness, and the shares; in training nobody votes for themselves."""
    layer = classifier(neighbors=neighbors)
    for queries, own, got in (
        (QUERIES, [None] * 40, layer(QUERIES)),
        (CENTERS, range(30), layer(CENTERS, index=np.arange(30), training=True)),
    ):
        rows = as_numpy(got)
        expected = [
            oracles.majority(z, CENTERS, LABELS, neighbors, 4, own=o)
            for z, o in zip(queries, own, strict=True)
        ]
        assert all(winner in best for winner, best in zip(rows.argmax(axis=1), expected, strict=True))
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)
        for z, o, row in zip(queries, own, rows, strict=True):
            votes = LABELS[[slot for _, slot in oracles.neighbors(z, CENTERS, neighbors, own=o)]]
            np.testing.assert_allclose(row, np.bincount(votes, minlength=4) / len(votes), atol=1.1e-3)


def test_one_neighbor_is_that_of_nngk():
    one, other = classifier(neighbors=1), classifier(NNGKClassifier, neighbors=1)
    np.testing.assert_allclose(one(QUERIES), other(QUERIES), atol=1e-6)


@pytest.mark.backend
def test_confidence_is_low_far_from_everything():
    layer = classifier()
    near = CENTERS + 0.01
    assert np.median(as_numpy(layer.confidence(near)) / as_numpy(layer(near)).max(axis=1)) > 0.99
    assert as_numpy(layer.confidence(CENTERS + 100)).max() < 1e-6
    assert (layer.explain(CENTERS).distances[:, 0] == 0).all()


def test_nothing_of_it_is_trained():
    layer = classifier()
    assert layer.trainable_variables == []
    layer(QUERIES, training=True)  # and no index is asked for


@pytest.mark.parametrize("size", [0.0, 1e-20, 1e15, 1e30])
def test_degenerate_embeddings_give_finite_values(size):
    z = np.float32(size) * np.ones((4, 3), "float32")
    layer = classifier(stored=z, labels=np.array([0, 1, 2, 3]))
    np.testing.assert_allclose(layer(z), 0.25, atol=1e-3)
    assert np.isfinite(as_numpy(layer.confidence(z))).all()
