import tracemalloc

import keras
import numpy as np
import oracles_metrics as oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfdml.metrics import retrieval, retrieval_per_query
from tfdml.metrics.gallery import cores

pytestmark = pytest.mark.backend

RECALL_AT = (1, 2, 4, 8)
FIGURES = [*(f"recall@{k}" for k in RECALL_AT), "precision@1", "r_precision", "map@r", "map", "mrr", "ndcg"]
GAINS = [f"ndcg@{k}" for k in oracles.NDCG_AT]


def assert_equals_oracle(values, expected):
    for i, figures in enumerate(expected):
        for name in FIGURES + GAINS:
            if figures is None:
                assert np.isnan(values[name][i])
            else:
                assert values[name][i] == pytest.approx(float(figures[name]), rel=1e-12, abs=1e-14), (i, name)


@pytest.mark.parametrize("seed", range(8))
def test_pool_equals_the_mean_over_all_orders_of_ties(seed):
    rng = np.random.default_rng(seed)
    x, labels = (
        rng.integers(0, 3, (14, 2)),
        rng.integers(0, 6, 14),
    )  # points coincide; some classes are single
    expected = oracles.retrieval(oracles.squared_distances(x, x), labels, labels, RECALL_AT, pool=True)
    assert_equals_oracle(
        retrieval_per_query(x, labels, recall_at=RECALL_AT, ndcg_at=oracles.NDCG_AT), expected
    )


@pytest.mark.parametrize("seed", range(4))
def test_gallery_equals_the_mean_over_all_orders_of_ties(seed):
    rng = np.random.default_rng(seed)
    queries, gallery = rng.integers(0, 3, (9, 2)), rng.integers(0, 3, (13, 2))
    labels, gallery_labels = rng.integers(0, 6, 9), rng.integers(1, 5, 13)
    distances = oracles.squared_distances(queries, gallery)
    expected = oracles.retrieval(distances, labels, gallery_labels, RECALL_AT, pool=False)
    values = retrieval_per_query(
        queries, labels, gallery, gallery_labels, recall_at=RECALL_AT, ndcg_at=oracles.NDCG_AT
    )
    assert_equals_oracle(values, expected)


@given(
    points=arrays.arrays(
        "int8", st.tuples(st.integers(2, 9), st.integers(1, 3)), elements=st.integers(-2, 2)
    ),
    seed=st.integers(0, 2**16),
    tile=st.integers(1, 5),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_small_set_equals_the_oracle(points, seed, tile):
    labels = np.random.default_rng(seed).integers(0, 3, len(points))
    distances = oracles.squared_distances(points, points)
    expected = oracles.retrieval(distances, labels, labels, RECALL_AT, pool=True)
    assert_equals_oracle(
        retrieval_per_query(points, labels, recall_at=RECALL_AT, ndcg_at=oracles.NDCG_AT, tile=tile), expected
    )


def test_averages_queries_and_counts_those_dropped():
    rng = np.random.default_rng(0)
    x, labels = rng.integers(0, 3, (14, 2)), rng.integers(0, 6, 14)
    values, figures = retrieval_per_query(x, labels), retrieval(x, labels)
    expected = oracles.retrieval(oracles.squared_distances(x, x), labels, labels, RECALL_AT, pool=True)
    dropped = sum(e is None for e in expected)
    assert dropped > 0
    assert figures["queries_dropped"] == dropped and figures["queries"] == 14 - dropped
    for name in FIGURES:
        assert type(figures[name]) is float
        assert figures[name] == pytest.approx(np.nanmean(values[name]))


@pytest.mark.parametrize("distance", ["euclidean", "squared_euclidean", "cosine", "dot"])
def test_perfect_ranking_gives_one(distance):
    x = np.repeat(np.eye(5), 4, axis=0)
    figures = retrieval(x, np.arange(20) // 4, distance=distance)
    assert [figures[name] for name in FIGURES] == [1.0] * len(FIGURES)


def test_worst_ranking():
    # One relevant item, behind 3 others: rank 4.
    figures = retrieval([[0.0]], [0], [[1.0], [2.0], [3.0], [4.0]], [1, 1, 1, 0])
    assert (figures["recall@2"], figures["recall@4"], figures["r_precision"]) == (0.0, 1.0, 0.0)
    assert (figures["map"], figures["mrr"]) == (0.25, 0.25)


@pytest.mark.parametrize("dim", [1, 7, 64])
@pytest.mark.parametrize("distance", ["euclidean", "cosine", "dot"])
def test_collapsed_embedding_scores_chance(dim, distance):
    """All equal, though not representable exactly: sorted labels must not help."""
    labels, n, r = np.arange(700) // 7, 699, 6
    x = np.tile(np.random.default_rng(0).normal(size=dim), (700, 1))  # rounding must not order them either
    figures = retrieval(x, labels, distance=distance, recall_at=(1, 3))
    assert figures["precision@1"] == pytest.approx(r / n)
    assert figures["r_precision"] == pytest.approx(r / n)
    assert figures["recall@3"] == pytest.approx(1 - (693 * 692 * 691) / (699 * 698 * 697))
    # Of the j nearest 1 + (j - 1) (r - 1) / (n - 1) are relevant if the j-th is.
    places = np.arange(1, n + 1)
    precision = (1 + (places - 1) * (r - 1) / (n - 1)) / places
    assert figures["map"] == pytest.approx(precision.sum() / n)
    assert figures["map@r"] == pytest.approx(precision[:r].sum() / n)
    discounts = 1 / np.log2(places + 1)
    assert figures["ndcg"] == pytest.approx(r / n * discounts.sum() / discounts[:r].sum())


@pytest.mark.parametrize("points", ["apart", "tied"])
def test_ndcg_equals_scikit_learn(points):
    """Which averages over ties as well."""
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(40, 2)).astype("float32"), rng.integers(0, 6, 40)
    x = x.round() if points == "tied" else x
    values = retrieval_per_query(x, labels, ndcg_at=(1, 5, 100))
    apart = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    for i in range(40):
        others = np.arange(40) != i
        relevant, near = (labels == labels[i])[None, others], -apart[i][None, others]
        assert values["ndcg"][i] == pytest.approx(ndcg_score(relevant, near))
        for k in (1, 5, 100):
            assert values[f"ndcg@{k}"][i] == pytest.approx(ndcg_score(relevant, near, k=k))


def test_map_at_r_is_never_above_r_precision():
    rng = np.random.default_rng(3)
    values = retrieval_per_query(rng.normal(size=(300, 4)), rng.integers(0, 20, 300))
    assert (values["map@r"] <= values["r_precision"] + 1e-12).all()
    assert (values["recall@1"] == pytest.approx(values["precision@1"])) and (values["mrr"] > 0).all()
    assert all((values[f"recall@{k}"] <= values[f"recall@{2 * k}"]).all() for k in (1, 2, 4))


def test_gallery_equal_to_the_queries_finds_each_query_itself():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(40, 3)), rng.integers(0, 10, 40)
    assert retrieval(x, labels, x, labels)["recall@1"] == 1.0
    assert retrieval(x, labels)["recall@1"] < 1.0


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "dot"])
def test_figures_of_any_tile_scale_and_order_are_the_same(distance):
    rng = np.random.default_rng(1)
    x, labels = rng.normal(size=(200, 6)).astype("float32"), rng.integers(0, 30, 200)
    expected = retrieval_per_query(x, labels, distance=distance)
    order = rng.permutation(200)
    shuffled = retrieval_per_query(x[order], 7 * labels[order] - 50, distance=distance, tile=13)
    huge = retrieval_per_query(x.astype("float64") * 2.0**500, labels, distance=distance, tile=1)
    tiny = retrieval_per_query(x * np.float32(2.0**-90), labels, distance=distance)
    for name in FIGURES:
        np.testing.assert_array_equal(shuffled[name], expected[name][order])
        np.testing.assert_array_equal(huge[name], expected[name])
        np.testing.assert_array_equal(tiny[name], expected[name])


def test_normalises_only_if_asked():
    x = np.array([[1.0, 0.0], [9.0, 1.0], [1.0, 0.5], [9.0, 5.0]])
    labels = [0, 0, 1, 1]  # one direction each; the lengths say otherwise
    assert retrieval(x, labels, distance="cosine")["recall@1"] == 1.0
    assert retrieval(x, labels)["recall@1"] == 0.0


def test_a_common_offset_costs_no_digits():
    rng = np.random.default_rng(2)
    x, labels = rng.integers(0, 4, (60, 3)), rng.integers(0, 9, 60)
    near, far = retrieval(x, labels), retrieval(x + 100_000, labels)
    assert dict(far.items()) == pytest.approx(near)


def test_zero_rows_under_cosine_are_as_far_as_right_angles():
    figures = retrieval([[1.0, 0.0]], [0], [[0.0, 0.0], [0.0, 1.0]], [0, 1], distance="cosine")
    assert figures["precision@1"] == 0.5


@pytest.mark.parametrize("form", ["column", "one-hot", "strings", "tensor"])
def test_forms_of_labels(form):
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(30, 3)), rng.integers(0, 5, 30)
    given = {
        "column": labels[:, None],
        "one-hot": np.eye(5)[labels],
        "strings": np.array(list("abcde"))[labels],
        "tensor": keras.ops.convert_to_tensor(labels),
    }[form]
    assert retrieval(x, given) == retrieval(x, labels)


def test_labels_above_two_to_the_24_stay_apart():
    x = np.array([[0.0], [0.0], [9.0], [9.0]])
    labels = np.array([2**24, 2**24, 2**24 + 1, 2**24 + 1])
    assert retrieval(x, labels)["map"] == 1.0


def test_a_model_and_a_data_set_give_what_their_arrays_give():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(20, 3)).astype("float32"), rng.integers(0, 4, 20)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(2.0)])
    batches = [(x[:12], labels[:12]), (x[12:], labels[12:])]
    assert retrieval(model, batches) == retrieval(x, labels)
    found = retrieval(model, batches[:1], gallery=batches[1:])
    assert found == retrieval(*batches[0], *batches[1])
    with pytest.raises(
        ValueError, match="Expected gallery and gallery_labels to be given together, or a data"
    ):
        retrieval(model, batches, x, labels)


def test_memory_stays_far_below_all_similarities():
    n = 6000  # all similarities: 144 MB
    x, labels = np.random.default_rng(0).normal(size=(n, 4)).astype("float32"), np.arange(n) // 6
    tracemalloc.start()
    try:
        retrieval(x, labels, tile=16)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8e6 + cores() * 4e6


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"embeddings": np.array([[1.0], [np.nan], [np.inf]])},
            "embeddings to be finite, received: 2 of 3 rows",
        ),
        ({"embeddings": np.ones(3)}, r"embeddings to be of shape \(samples, dim\), received: shape \(3,\)"),
        ({"embeddings": np.ones((0, 3))}, "embeddings to be of shape"),
        ({"labels": [0, 0]}, "labels to be one for each of 3 samples, received: 2"),
        ({"labels": np.full((3, 2), 0.5)}, r"labels to be of shape .* received: shape \(3, 2\)"),
        ({"labels": [0, 1, 2]}, "labels to give at least one query another sample .* received: 3 queries"),
        ({"gallery": np.ones((2, 2))}, "gallery and gallery_labels to be given together"),
        ({"gallery_labels": [0, 1]}, "gallery and gallery_labels to be given together"),
        ({"gallery": np.ones((2, 3)), "gallery_labels": [0, 1]}, "gallery to have 2 columns .* received: 3"),
        (
            {"gallery": np.full((1, 2), np.nan), "gallery_labels": [0]},
            "gallery to be finite, received: 1 of",
        ),
        ({"recall_at": (0, 1)}, r"recall_at to be integers above 0, received: \(0, 1\)"),
        ({"recall_at": 5}, "recall_at to be integers above 0, received: 5"),
        ({"recall_at": (0.5,)}, "recall_at to be integers above 0"),
        ({"ndcg_at": (0,)}, r"ndcg_at to be integers above 0, received: \(0,\)"),
        ({"confidence": 1}, "confidence to be a number between 0 and 1, received: 1"),
        ({"resample": "images"}, "resample to be one of classes, queries, received: 'images'"),
        ({"distance": "manhattan"}, "distance to be one of euclidean, .* received: 'manhattan'"),
        ({"tile": 0}, "tile to be an integer of at least 1, received: 0"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=f"Expected {message}"):
        retrieval(**{"embeddings": np.ones((3, 2)), "labels": [0, 0, 1], **arguments})
