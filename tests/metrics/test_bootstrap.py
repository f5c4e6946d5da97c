import sys

import numpy as np
import pytest

from tfdml.metrics import bootstrap, retrieval, retrieval_per_query


def sample(seed, classes=40, each=5, spread=1.0):
    """Values whose classes differ, as those of retrieval do."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    return spread * rng.normal(size=classes)[labels] + rng.normal(size=classes * each), labels


def test_interval_of_independent_values_is_that_of_the_normal_distribution():
    values, _ = sample(0, classes=400, each=1)
    half = 1.96 * values.std() / np.sqrt(len(values))
    expected = values.mean() - half, values.mean() + half
    assert bootstrap(values, resamples=20_000) == pytest.approx(expected, abs=0.03 * half)
    narrow = bootstrap(values, confidence=0.5, resamples=20_000)
    assert np.ptp(narrow) == pytest.approx(2 * 0.6745 / 1.96 * half, rel=0.05)


def test_classes_hold_what_they_promise_where_queries_do_not():
    """The true mean is 0; an interval of 95 per cent should miss it once in twenty samples."""
    held = {"queries": 0, "classes": 0}
    for seed in range(200):
        values, labels = sample(seed)
        for kind, units in (("queries", None), ("classes", labels)):
            low, high = bootstrap(values, units, resamples=300, seed=seed)
            held[kind] += low <= 0 <= high
    assert held["classes"] >= 180  # within three standard deviations of 190
    assert held["queries"] <= 160


def test_equals_a_loop_over_the_same_draws():
    values, labels = sample(1, classes=7)
    labels = 10 - labels[: len(values) - 3]  # classes of unequal size
    values = values[: len(labels)]
    draws = np.random.default_rng(5).integers(7, size=(50, 7))
    members = [values[labels == label] for label in np.unique(labels)]
    means = [np.concatenate([members[k] for k in draw]).mean() for draw in draws]
    expected = tuple(np.quantile(means, [0.05, 0.95]))
    assert bootstrap(values, labels, confidence=0.9, resamples=50, seed=5) == pytest.approx(expected)


def test_blocks_of_any_size_are_the_same_draws(monkeypatch):
    values, labels = sample(2)
    expected = bootstrap(values, labels, seed=3)
    monkeypatch.setattr(sys.modules["tfdml.metrics.bootstrap"], "BLOCK", 1)
    assert bootstrap(values, labels, seed=3) == pytest.approx(expected, rel=1e-12)
    assert bootstrap(values, labels, seed=4) != expected


def test_a_constant_has_no_width():
    assert bootstrap(np.full(20, 0.5)) == (0.5, 0.5)


@pytest.mark.parametrize("resample", ["classes", "queries"])
def test_intervals_of_retrieval(resample):
    rng = np.random.default_rng(0)
    x, labels = (
        rng.normal(size=(120, 3)),
        np.r_[np.repeat(np.arange(29), 4), [50, 51, 52, 53]],
    )  # 4 are dropped
    figures = retrieval(x, labels, confidence=0.9, resample=resample, resamples=200, seed=7)
    intervals = figures.pop("intervals")
    plain = retrieval(x, labels)
    assert figures == plain and set(intervals) == set(plain) - {"queries", "queries_dropped"}
    values = retrieval_per_query(x, labels)
    expected = bootstrap(
        values, labels if resample == "classes" else None, confidence=0.9, resamples=200, seed=7
    )
    assert intervals == expected
    assert all(low < figures[name] < high for name, (low, high) in intervals.items())


def test_the_difference_of_two_models_is_narrower_than_either():
    values, labels = sample(3)
    better = values + 0.1 + 0.01 * np.random.default_rng(0).normal(size=len(values))
    low, high = bootstrap(better - values, labels)
    assert 0 < low < 0.1 < high
    assert high - low < 0.1 * np.ptp(bootstrap(values, labels))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"confidence": 0}, "confidence to be a number between 0 and 1, received: 0"),
        ({"confidence": "0.9"}, "confidence to be a number between 0 and 1, received: '0.9'"),
        ({"resamples": 0}, "resamples to be an integer of at least 1, received: 0"),
        ({"labels": [0, 1]}, "labels to be one for each of 3 samples, received: 2"),
        ({"labels": [1, 1, 1]}, "labels to be of two classes or more with a figure, received: 1"),
        ({"values": np.array([1.0, np.nan, np.nan])}, "values to be of two queries or more .* received: 1"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=f"Expected {message}"):
        bootstrap(**{"values": np.arange(3.0), **arguments})
