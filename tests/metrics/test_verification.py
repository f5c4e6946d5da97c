import tracemalloc

import keras
import numpy as np
import oracles_metrics as oracles
import pytest

from tfdml.metrics import calibrate_threshold, roc, verification
from tfdml.metrics.gallery import cores

pytestmark = pytest.mark.backend

FAR = (0.3, 0.1, 0.02)
DISTANCES = "euclidean", "squared_euclidean", "cosine", "dot"


def samples(n=30, dim=2, classes=6, seed=0, grid=True):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (n, dim)) if grid else rng.normal(size=(n, dim)).astype("float32")
    return x, rng.integers(0, classes, n)


def all_pairs(x, labels, distance="euclidean", gallery=None, gallery_labels=None):
    """Distances of all pairs, and whether they are of one class."""
    pool = gallery is None
    gallery, gallery_labels = (x, labels) if pool else (gallery, gallery_labels)
    apart = oracles.pair_distances(x, gallery, distance)
    same = np.asarray(labels)[:, None] == np.asarray(gallery_labels)
    chosen = np.triu_indices(len(x), 1) if pool else np.indices(apart.shape).reshape(2, -1)
    return apart[tuple(chosen)].round(12), same[tuple(chosen)]


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("grid", [True, False], ids=["tied", "apart"])
def test_equals_every_threshold_tried(distance, grid):
    x, labels = samples(grid=grid)
    x = x + grid  # no zero vectors
    figures = verification(x, labels, far=FAR, distance=distance, tile=7)
    distances, same = all_pairs(x, labels, distance)
    assert figures == pytest.approx(
        {
            **oracles.verification(distances, same, FAR),
            "positive_pairs": same.sum(),
            "negative_pairs": (~same).sum(),
        }
    )


@pytest.mark.parametrize("tile", [1, 5, None])
def test_queries_and_a_gallery(tile):
    x, labels = samples(40)
    given = (
        x[:25],
        labels[:25],
        x[25:],
        np.where(labels[25:] == 5, 9, labels[25:]),
    )  # a class on each side alone
    figures = verification(*given, far=FAR, tile=tile)
    distances, same = all_pairs(*given[:2], "euclidean", *given[2:])
    expected = oracles.verification(distances, same, FAR)
    assert {name: figures[name] for name in expected} == pytest.approx(expected)
    assert figures["positive_pairs"] + figures["negative_pairs"] == 25 * 15


def test_given_pairs():
    x, labels = samples(40)
    pairs = np.random.default_rng(1).integers(0, [25, 15], (60, 2))
    given = x[:25], labels[:25], x[25:], labels[25:]
    apart = oracles.pair_distances(x[:25], x[25:], "euclidean")
    same = labels[:25][pairs[:, 0]] == labels[25:][pairs[:, 1]]
    expected = oracles.verification(apart[tuple(pairs.T)].round(9), same, FAR)
    figures = verification(*given, pairs=pairs, far=FAR, tile=1)
    assert {name: figures[name] for name in expected} == pytest.approx(expected)
    every = np.stack(np.triu_indices(40, 1), axis=1)
    assert verification(x, labels, pairs=every) == pytest.approx(verification(x, labels))


@pytest.mark.parametrize("grid", [True, False], ids=["tied", "apart"])
def test_curve_and_area_equal_scikit_learn(grid):
    from sklearn.metrics import roc_auc_score, roc_curve

    x, labels = samples(60, grid=grid)
    distances, same = all_pairs(x, labels)
    curve = roc(x, labels)
    far, tar, _ = roc_curve(same, -distances)
    np.testing.assert_allclose(np.interp(far, curve["far"], curve["tar"])[1:-1], tar[1:-1], atol=0.5)
    # The curve goes straight up in places: compare it along its diagonal.
    along = np.linspace(0, 2, 500)
    ours = np.interp(along, curve["far"] + curve["tar"], curve["tar"])
    np.testing.assert_allclose(ours, np.interp(along, far + tar, tar), atol=1e-9)
    area = roc_auc_score(same, -distances)
    assert verification(x, labels)["auc"] == pytest.approx(area, rel=1e-12)
    assert np.trapezoid(curve["tar"], curve["far"]) == pytest.approx(area, rel=1e-12)


def test_thresholds_of_the_curve_accept_what_it_says():
    x, labels = samples(60, grid=False)
    distances, same = all_pairs(x, labels)
    curve = roc(x, labels)
    assert (np.diff(curve["threshold"]) > 0).all() and np.isinf(curve["threshold"][[0, -1]]).all()
    for far, tar, threshold in zip(*curve.values(), strict=True):
        assert np.mean(distances[same] <= threshold) == pytest.approx(tar, abs=1e-12)
        assert np.mean(distances[~same] <= threshold) == pytest.approx(far, abs=1e-12)


@pytest.mark.parametrize("dim", [1, 7, 64])
@pytest.mark.parametrize("distance", DISTANCES)
def test_collapsed_embedding_tells_nothing(dim, distance):
    x = np.tile(np.random.default_rng(0).normal(size=dim), (300, 1))  # rounding must not order them
    figures = verification(x, np.arange(300) // 5, distance=distance, tile=64)
    assert figures["auc"] == 0.5 and figures["eer"] == pytest.approx(0.5)
    assert figures["tar@far=0.1"] == 0.0  # no threshold tells them apart
    found = calibrate_threshold(x, np.arange(300) // 5, at=0.1, distance=distance)
    assert found["threshold"] == -np.inf and found["tar"] == found["far"] == 0


def test_separated_classes():
    x, labels = np.repeat(np.eye(6), 5, axis=0), np.arange(30) // 5
    figures = verification(x, labels, far=(0.5, 1e-6))
    assert (figures["auc"], figures["eer"], figures["tar@far=1e-06"]) == (1.0, 0.0, 1.0)
    assert verification(-x @ np.ones((6, 6)) + x, labels)["auc"] == 1.0


@pytest.mark.parametrize("distance", DISTANCES)
def test_any_order_scale_and_offset_give_the_same(distance):
    x, labels = samples(80, dim=3)
    x = x + 1.0
    expected = verification(x, labels, distance=distance)
    order = np.random.default_rng(1).permutation(80)
    assert verification(x[order], 7 - labels[order], distance=distance, tile=13) == expected
    assert verification(x * 2.0**400, labels, distance=distance) == expected
    assert verification(x * 3, labels, distance=distance) == pytest.approx(expected)
    if "euclidean" in distance:
        assert verification(x + 1e6, labels, distance=distance) == expected


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("at", [0.2, 0.02, "eer", "f1", "accuracy"])
@pytest.mark.parametrize("grid", [True, False], ids=["tied", "apart"])
def test_a_calibrated_threshold_is_the_best_of_all(distance, at, grid):
    x, labels = samples(40, dim=3, classes=5, grid=grid)
    x = x + grid
    found = calibrate_threshold(x, labels, at=at, distance=distance)
    distances, same = all_pairs(x, labels, distance)

    def figures(threshold):
        accepted = distances <= threshold
        hit = (accepted & same).sum()
        return {
            "far": np.mean(accepted[~same]),
            "tar": np.mean(accepted[same]),
            "f1": 2 * hit / (accepted.sum() + same.sum()),
            "accuracy": np.mean(accepted == same),
        }

    threshold = found.pop("threshold")
    assert found == pytest.approx(figures(threshold))
    tried = [figures(t) for t in (-np.inf, *np.unique(distances[same]))]
    if isinstance(at, float):
        assert found["far"] <= at
        assert found["tar"] == pytest.approx(max(t["tar"] for t in tried if t["far"] <= at))
        assert found["tar"] == verification(x, labels, far=[at], distance=distance)[f"tar@far={at:g}"]
    elif at == "eer":
        assert abs(found["far"] + found["tar"] - 1) == pytest.approx(
            min(abs(t["far"] + t["tar"] - 1) for t in tried)
        )
    else:
        assert found[at] == pytest.approx(max(t[at] for t in tried))


def test_threshold_is_in_the_units_of_the_embeddings():
    x, labels = samples(40, grid=False)
    threshold = calibrate_threshold(x, labels, at=0.1)["threshold"]
    assert calibrate_threshold(1000 * x + 5, labels, at=0.1)["threshold"] == pytest.approx(1000 * threshold)
    squared = calibrate_threshold(x, labels, at=0.1, distance="squared_euclidean")["threshold"]
    assert squared == pytest.approx(threshold**2)


def test_a_model_and_a_data_set():
    x, labels = samples(40, dim=3, grid=False)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(2.0)])
    batches = [(x[:30], labels[:30]), (x[30:], labels[30:])]
    assert verification(model, batches) == verification(2 * x, labels)
    assert calibrate_threshold(model, batches[:1], batches[1:], at="eer") == calibrate_threshold(
        2 * x[:30], labels[:30], 2 * x[30:], labels[30:], at="eer"
    )


def test_memory_stays_far_below_all_distances():
    n = 5000  # all distances in float64: 200 MB
    x, labels = np.random.default_rng(0).normal(size=(n, 4)).astype("float32"), np.arange(n) // 5
    tracemalloc.start()
    try:
        verification(x, labels, tile=256)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4e6 + cores() * 3e6


@pytest.mark.parametrize("function", [verification, roc, calibrate_threshold])
@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"labels": [0, 1, 2]}, "labels to give at least one pair of one class .* received: 0 and 3"),
        ({"labels": [0, 0, 0]}, "labels to give at least one pair of one class .* received: 3 and 0"),
        ({"embeddings": np.full((3, 2), np.nan)}, "embeddings to be finite"),
        ({"distance": "manhattan"}, "distance to be one of euclidean, .* received: 'manhattan'"),
        ({"tile": 0}, "tile to be an integer of at least 1, received: 0"),
        ({"pairs": [[0, 3]]}, "pairs to be places below 3 and 3, received: 0 to 3"),
        ({"pairs": [0, 1]}, r"pairs to be integers of shape \(pairs, 2\), received: int64 of shape \(2,\)"),
        ({"gallery": np.ones((2, 2))}, "gallery and gallery_labels to be given together"),
    ],
)
def test_refuses(function, arguments, message):
    with pytest.raises(ValueError, match=f"Expected {message}"):
        function(**{"embeddings": np.ones((3, 2)), "labels": [0, 0, 1], **arguments})


def test_refuses_rates_and_criteria():
    x, labels = samples()
    with pytest.raises(ValueError, match="Expected far to be a number between 0 and 1, received: 0"):
        verification(x, labels, far=[0.1, 0])
    with pytest.raises(
        ValueError, match="Expected at to be a number or one of eer, f1, accuracy, received: 'x'"
    ):
        calibrate_threshold(x, labels, at="x")
    with pytest.raises(ValueError, match=r"Expected at to be a number between 0 and 1, received: 1\.5"):
        calibrate_threshold(x, labels, at=1.5)
