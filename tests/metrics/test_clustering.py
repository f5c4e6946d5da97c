import keras
import numpy as np
import oracles_metrics as oracles
import pytest

from tfdml.metrics import clustering
from tfdml.metrics.clustering import adjusted_mutual_information, pairwise_f1

pytestmark = pytest.mark.backend

NAMES = "nmi", "ami", "v_measure", "f1"


def test_separated_classes_give_one():
    x = np.repeat(np.eye(6), 5, axis=0)
    assert clustering(x, np.arange(30) // 5) == pytest.approx(dict.fromkeys(NAMES, 1.0))


@pytest.mark.parametrize("seed", range(5))
def test_f1_equals_counting_pairs(seed):
    rng = np.random.default_rng(seed)
    labels, clusters = rng.integers(0, 5, 40), rng.integers(0, 7, 40)
    assert pairwise_f1(labels, clusters) == pytest.approx(oracles.pairwise_f1(labels, clusters))


@pytest.mark.parametrize("seed", range(5))
def test_ami_equals_scikit_learn(seed):
    """Which sums over every class and cluster, where ours sums over their sizes."""
    from sklearn.metrics import adjusted_mutual_info_score

    rng = np.random.default_rng(seed)
    n, classes, clusters = [(60, 5, 7), (60, 60, 60), (200, 3, 40), (2, 2, 1), (500, 2, 2)][seed]
    labels = rng.integers(0, classes, n)
    other = np.where(rng.uniform(size=n) < 0.4, labels % clusters, rng.integers(0, clusters, n))
    for assigned in (other, labels, np.zeros(n, int), np.arange(n)):
        expected = adjusted_mutual_info_score(labels, assigned)
        assert adjusted_mutual_information(labels, assigned) == pytest.approx(expected, abs=1e-9)


def test_ami_of_chance_is_zero_where_nmi_is_not():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(600, 5)), np.arange(600) // 5
    figures = clustering(x, labels)
    assert figures["nmi"] > 0.6 and abs(figures["ami"]) < 0.05
    assert figures["v_measure"] == pytest.approx(figures["nmi"])


def test_a_model_and_a_data_set():
    x, labels = np.random.default_rng(0).normal(size=(20, 3)).astype("float32"), np.arange(20) // 4
    model = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(2.0)])
    assert clustering(model, [(x[:12], labels[:12]), (x[12:], labels[12:])]) == clustering(2 * x, labels)


def test_nmi_of_two_classes_in_one_of_three_clusters():
    """Classes a a b b c c, clusters {a a b b} {c c}: entropies log 3 and log 3 - 2/3 log 2."""
    x = np.array([0.0, 0.0, 0.1, 0.1, 9.0, 9.0])[:, None]
    classes, groups = np.log(3), np.log(3) - 2 / 3 * np.log(2)
    figures = clustering(x, [0, 0, 1, 1, 2, 2], clusters=2)
    assert figures["nmi"] == pytest.approx(groups / ((classes + groups) / 2))
    assert figures["f1"] == pytest.approx(2 * 3 / (2 * 3 + 4))


def test_collapsed_embedding_tells_nothing():
    figures = clustering(np.ones((20, 3)), np.arange(20) // 4)
    assert figures["nmi"] == figures["ami"] == figures["v_measure"] == 0.0
    assert figures["f1"] == pytest.approx(2 * 30 / (190 + 30))


def test_same_seed_same_figures():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(200, 4)), rng.integers(0, 20, 200)
    assert clustering(x, labels, seed=3) == clustering(x, labels, seed=3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"clusters": 0}, "clusters to be an integer from 1 to 4, received: 0"),
        ({"clusters": 5}, "clusters to be an integer from 1 to 4, received: 5"),
        ({"embeddings": np.full((4, 2), np.nan)}, "embeddings to be finite, received: 4 of 4 rows"),
        ({"labels": [1, 2]}, "labels to be one for each of 4 samples, received: 2"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=f"Expected {message}"):
        clustering(**{"embeddings": np.eye(4), "labels": [0, 0, 1, 1], **arguments})
