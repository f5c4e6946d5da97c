"""What an NNGK classifier says beside probabilities: who voted, and how sure it is."""

import numpy as np
import oracles_classifiers as oracles
import pytest
from keras import ops
from nngk_layers import CENTERS, LABELS, QUERIES, classifier

as_numpy = ops.convert_to_numpy


@pytest.mark.backend
def test_explains_who_voted():
    layer = classifier(log_weights=np.random.default_rng(1).normal(size=12))
    votes = layer.explain(QUERIES)
    for z, indices, labels, distances in zip(
        QUERIES, votes.indices, votes.labels, votes.distances, strict=True
    ):
        found = oracles.neighbors(z, CENTERS, 5)
        assert indices.tolist() == [slot for _, slot in found]
        np.testing.assert_allclose(distances, np.sqrt([d for d, _ in found]), rtol=1e-5)
        np.testing.assert_array_equal(labels, LABELS[indices])
    np.testing.assert_allclose(votes.shares.sum(axis=1), 1, atol=1e-6)
    by_class = [
        [row[labels == y].sum() for y in range(3)] for row, labels in zip(*votes[2:0:-1], strict=True)
    ]
    np.testing.assert_allclose(by_class, as_numpy(layer(QUERIES)), atol=1e-5)
    few = classifier(CENTERS[:3], LABELS[:3]).explain(QUERIES)
    assert (few.indices[:, 3:] == -1).all() and (few.labels[:, 3:] == -1).all()
    assert (few.shares[:, 3:] == 0).all() and np.isinf(few.distances[:, 3:]).all()


@pytest.mark.backend
def test_confidence_is_low_far_from_everything():
    rng = np.random.default_rng(3)
    spread = np.repeat(rng.normal(size=(3, 8)) * 3, 40, axis=0)
    train, near = (spread + rng.normal(size=spread.shape) for _ in range(2))
    layer = classifier(train.astype("float32"), np.repeat(np.arange(3), 40), capacity=120, bandwidth="median")
    probability, confidence = (as_numpy(f(near)) for f in (layer, layer.confidence))
    assert (confidence <= probability.max(axis=1) + 1e-6).all()
    assert np.median(confidence / probability.max(axis=1)) > 0.9
    for far in near + 30, near * 100, np.full((1, 8), 1e20):
        assert as_numpy(layer.confidence(far)).max() < 1e-3 < as_numpy(layer(far)).max()
    nearest = [oracles.neighbors(z, train, 1, own=i)[0][0] for i, z in enumerate(train)]
    assert float(layer.usual_square) == pytest.approx(np.quantile(nearest, 0.95), rel=1e-4)
