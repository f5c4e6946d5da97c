import keras
import numpy as np
import pytest
from keras import ops
from oracles import value_and_gradient
from scipy.special import logsumexp

from tfdml.ops import (
    class_logits,
    class_shares,
    log_gaussian,
    soft_class_logits,
    soft_class_shares,
    vote_shares,
)

pytestmark = pytest.mark.backend
as_numpy = ops.convert_to_numpy


def votes(rows=5, neighbors=7, classes=4, scale=1.0):
    rng = np.random.default_rng(0)
    logits = (scale * rng.normal(size=(rows, neighbors))).astype("float32")
    valid = rng.uniform(size=(rows, neighbors)) < 0.7
    valid[0], valid[1] = False, np.arange(neighbors) == 2
    return logits, valid, rng.integers(0, classes - 1, (rows, neighbors)).astype("int32")


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e7])
def test_shares_are_a_softmax_of_those_that_count(scale):
    logits, valid, labels = votes(scale=scale)
    shares = as_numpy(vote_shares(logits, valid))
    for row, logit, counts in zip(shares, logits.astype("float64"), valid, strict=True):
        expected = np.zeros(len(logit))
        if counts.any():
            expected[counts] = np.exp(logit[counts] - logsumexp(logit[counts]))
        np.testing.assert_allclose(row, expected, rtol=1e-3, atol=1e-7)
    summed = as_numpy(class_shares(shares, labels, 4))
    for row, share, label in zip(summed, shares, labels, strict=True):
        np.testing.assert_allclose(row, [share[label == y].sum() for y in range(4)], atol=1e-6)


@pytest.mark.parametrize("soft", [False, True], ids=["labels", "targets"])
@pytest.mark.parametrize("scale", [1.0, 1e3, 1e7])
def test_logits_of_classes_are_log_sums(soft, scale):
    """Where probabilities underflow too; a class without a vote has 1e-10 of all votes."""
    logits, valid, labels = votes(scale=scale)
    targets = np.random.default_rng(1).dirichlet(np.ones(4), labels.shape).astype("float32")
    targets[..., 3], targets[..., 0] = 0, targets[..., 0] + targets[..., 3]  # nobody's class
    targets = targets if soft else np.eye(4)[labels]
    got = as_numpy(
        soft_class_logits(logits, valid, targets) if soft else class_logits(logits, valid, labels, 4)
    )
    for row, logit, counts, target in zip(got, logits.astype("float64"), valid, targets, strict=True):
        for label in range(4):
            votes_for = counts & (target[:, label] > 0)
            total = logsumexp(logit[counts]) if counts.any() else 0.0
            expected = total - 23
            if votes_for.any():
                expected = logsumexp(logit[votes_for], b=target[votes_for, label])
            assert row[label] == pytest.approx(expected, rel=1e-5, abs=1e-4)


def test_soft_shares_of_one_hot_rows_are_those_of_labels():
    logits, valid, labels = votes()
    shares = vote_shares(logits, valid)
    got = soft_class_shares(shares, ops.convert_to_tensor(np.eye(4, dtype="float32")[labels]))
    np.testing.assert_allclose(as_numpy(got), as_numpy(class_shares(shares, labels, 4)), atol=1e-6)


def test_a_class_without_votes_pushes_nobody():
    logits, valid, labels = votes()
    valid[:] = True

    def loss(x):
        classes = class_logits(x, valid, labels, 4)
        return ops.sum(ops.logsumexp(classes, axis=1) - classes[:, 3])

    value, gradient = value_and_gradient(loss, logits)
    assert value == pytest.approx(23 * len(logits), rel=1e-5)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)


@pytest.mark.parametrize("squared", [0.0, 1e-30, 4.0, 1e19, 1e30, float("inf")])
@pytest.mark.parametrize("log_bandwidth", [-1e3, -3.0, 0.0, 1e3])
def test_the_kernel_is_finite_and_its_gradients_are(squared, log_bandwidth):
    value, gradient = value_and_gradient(lambda d: log_gaussian(d, log_bandwidth), np.float32(squared))
    _, of_width = value_and_gradient(
        lambda w: log_gaussian(np.float32(squared), w), np.float32(log_bandwidth)
    )
    assert np.isfinite([value, gradient, of_width]).all() and value <= 0
    exact = -0.5 * squared * np.exp(-2 * np.clip(log_bandwidth, -20, 20))
    if squared < 1e20 and exact > -1e28:
        assert value == pytest.approx(exact, rel=1e-5)


def test_half_precision_is_raised():
    logits, valid, labels = votes()
    half = ops.cast(logits, "float16")
    for got in vote_shares(half, valid), class_logits(half, valid, labels, 4):
        assert keras.backend.standardize_dtype(got.dtype) == "float32"
