import keras
import numpy as np
import oracles_metrics as oracles
import pytest

from tfdml.metrics import collapse

pytestmark = pytest.mark.backend

DISTANCES = "euclidean", "squared_euclidean", "cosine"


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("tile", [1, 4, None])
def test_active_triplets_equal_a_loop(distance, tile):
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(25, 3)), rng.integers(0, 6, 25)
    expected = oracles.active_triplets(oracles.pair_distances(x, x, distance), labels, 0.3)
    assert 0.1 < expected < 0.9
    found = collapse(x, labels, margin=0.3, distance=distance, tile=tile)
    assert found["active_triplets"] == pytest.approx(expected)


def test_a_hinge_of_zero_is_not_active():
    """Every positive at distance 1, every negative at 3, 4 or 5."""
    x, labels = np.array([[0.0], [1.0], [4.0], [5.0]]), [0, 0, 1, 1]
    assert collapse(x, labels, margin=2)["active_triplets"] == 0.0
    assert collapse(x, labels, margin=2.5)["active_triplets"] == 0.25


@pytest.mark.parametrize("seed", range(3))
def test_mean_similarity_and_rank_equal_their_definitions(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(20, 30) if seed else (30, 5)) + 0.5
    figures = collapse(x, np.arange(len(x)) // 2)
    cosines = 1 - oracles.pair_distances(x, x, "cosine")
    assert figures["mean_similarity"] == pytest.approx(cosines[~np.eye(len(x), dtype=bool)].mean())
    shares = np.linalg.svd(x, compute_uv=False)
    shares /= shares.sum()
    assert figures["effective_rank"] == pytest.approx(np.exp(-np.sum(shares * np.log(shares))))


@pytest.mark.parametrize("dim", [1, 7, 64])
def test_collapsed_embedding(dim):
    x = np.tile(np.random.default_rng(0).normal(size=dim), (300, 1)).astype("float32")
    assert collapse(x, np.arange(300) // 5, margin=1e-6) == pytest.approx(
        {"mean_similarity": 1.0, "effective_rank": 1.0, "active_triplets": 1.0}
    )


def test_spread_embedding():
    x = np.vstack([np.eye(8), np.eye(8)])
    figures = collapse(x, np.arange(16) % 8)
    assert figures == pytest.approx(
        {"mean_similarity": 8 * 2 / (16 * 15), "effective_rank": 8.0, "active_triplets": 0.0}
    )


def test_degenerate_sets():
    assert collapse(np.zeros((4, 3)), [0, 0, 1, 1]) == {
        "mean_similarity": 0.0,
        "effective_rank": 0.0,
        "active_triplets": 1.0,
    }
    for labels in ([0, 0, 0], [0, 1, 2]):
        assert collapse(np.eye(3), labels)["active_triplets"] == 0.0
    tiny = collapse(1e-30 * np.eye(3), [0, 0, 1])
    assert tiny["effective_rank"] == pytest.approx(3.0) and tiny["mean_similarity"] == 0.0


def test_a_model_and_a_data_set():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(20, 3)).astype("float32"), rng.integers(0, 4, 20)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(2.0)])
    assert collapse(model, [(x[:12], labels[:12]), (x[12:], labels[12:])]) == collapse(2 * x, labels)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"margin": 0}, "margin to be a number above 0, received: 0"),
        ({"distance": "dot"}, "distance to be one of euclidean, squared_euclidean, cosine, received: 'dot'"),
        ({"tile": 0}, "tile to be an integer of at least 1, received: 0"),
        (
            {"embeddings": np.ones((1, 3)), "labels": [0]},
            "embeddings to be of two samples or more, received: 1",
        ),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=f"Expected {message}"):
        collapse(**{"embeddings": np.eye(3), "labels": [0, 0, 1], **arguments})
