import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from tfdml.search import IVF, Exact, IVFState, ivf_neighbors, nearest_neighbors
from tfdml.search.exact import DISTANCES

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow")


def clustered(size, dim=16, classes=60, seed=0, queries=200):
    """Unit vectors of classes of unequal size, and others of the same classes."""
    rng = np.random.default_rng(seed)
    weights = rng.gamma(1, size=classes)
    labels = rng.choice(classes, size + queries, p=weights / weights.sum())
    x = rng.normal(size=(classes, dim))[labels] + 0.6 * rng.normal(size=(size + queries, dim))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("float32")
    return x[:size], x[size:]


def recall(found, expected):
    pairs = zip(found.indices.tolist(), expected.indices.tolist(), strict=True)
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in pairs])


def arrays(results):
    return [ops.convert_to_numpy(x) for x in results]


@pytest.mark.backend
@pytest.mark.parametrize("distance", ["euclidean", "cosine", "dot"])
def test_recall_at_the_defaults(distance):
    x, queries = clustered(6000)
    expected = Exact(distance).build(x).query(queries, 10)
    assert recall(IVF(distance=distance).build(x).query(queries, 10), expected) > 0.97


def test_more_probes_find_more_and_all_lists_everything():
    x, queries = clustered(3000)
    expected = Exact().build(x).query(queries, 10)
    index = IVF(lists=100).build(x)
    found = []
    for index.probes in (1, 4, 16, 100):
        found.append(recall(index.query(queries, 10), expected))
    assert found == sorted(found) and found[0] < 0.9 and found[-1] == 1


@pytest.mark.backend
@pytest.mark.parametrize("distance", DISTANCES)
def test_reads_the_lists_in_turn_until_its_rows_are_used_up(distance):
    """A loop over lists in the order of their centroids, row by row."""
    x, queries = clustered(300, dim=5, queries=20)
    index = IVF(lists=7, distance=distance).build(x)
    centroids, starts, _, _, ids = arrays(index.state)
    exclude = np.arange(20) * 3
    found = arrays(ivf_neighbors(queries, index.state, 4, probes=2, distance=distance, exclude=exclude))
    for query, own, distances, indices in zip(queries, exclude, *found, strict=True):
        near = ((centroids - query) ** 2).sum(1) if "euclidean" in distance else -centroids @ query
        rows = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in np.argsort(near)[:4]])
        rows = ids[rows[: -(-300 * 2 // 7)]]
        rows = rows[rows != own]
        if "euclidean" in distance:
            table = ((x[rows] - query) ** 2).sum(1)
            table = np.sqrt(table) if distance == "euclidean" else table
        else:
            table = (distance == "cosine") - x[rows] @ query
        best = np.argsort(table)[:4]
        np.testing.assert_array_equal(indices, rows[best])
        np.testing.assert_allclose(distances, table[best], atol=1e-5)


@pytest.mark.backend
def test_what_is_not_there_is_at_infinity():
    x = np.arange(6, dtype="float32")[:, None]
    index = IVF(lists=3).build(x, active=x[:, 0] < 4)
    found = arrays(ivf_neighbors(x[:1], index.state, 9, probes=3))
    assert found[1].tolist() == [[0, 1, 2, 3, -1, -1, -1, -1, -1]]
    assert found[0].tolist() == [[0, 1, 2, 3] + 5 * [np.inf]]


def test_rows_stay_where_they_are_and_changed_ones_move_to_the_list_they_belong_to():
    x, _ = clustered(500)
    index = IVF(lists=20).build(x)
    before = IVFState(*arrays(index.state))
    other = clustered(500, seed=1)[0][:50]
    index.update(np.arange(50), other)
    after = IVFState(*arrays(index.state))
    np.testing.assert_array_equal(after.centroids, before.centroids)
    assert [a.shape for a in after] == [b.shape for b in before]

    def rows_of(state):
        return {i: set(part) for i, part in enumerate(np.split(state.ids, state.starts[1:-1]))}

    for list_before, list_after in zip(rows_of(before).values(), rows_of(after).values(), strict=True):
        assert {i for i in list_before if i >= 50} == {i for i in list_after if i >= 50}
    nearest = ((other[:, None] - after.centroids) ** 2).sum(2).argmin(1)
    assert all(i in rows_of(after)[n] for i, n in enumerate(nearest))


def test_lists_of_very_unequal_rows_stay_short_and_the_same_seed_gives_the_same():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 256)).repeat([10] * 39 + [2000], axis=0) + rng.normal(size=(2390, 256))
    index = IVF(lists=40).build(x)
    assert np.diff(ops.convert_to_numpy(index.state.starts)).max() < 8 * len(x) / 40
    for a, b in zip(arrays(index.state), arrays(IVF(lists=40).build(x).state), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_equal_and_too_few_rows(distance):
    x = np.ones((50, 3), "float32")
    found = IVF(lists=80, probes=200, distance=distance).build(x).query(x[:2], 50)
    assert sorted(found.indices[0]) == list(range(50)) and np.allclose(found.distances, 0, atol=1e-6)
    assert IVF().build(x[:1]).query(x, 3).indices.tolist() == [[0]] * 50


@tensorflow_only
@pytest.mark.parametrize("jit", [False, True])
def test_compiled_with_variables_and_an_unknown_number_of_queries(jit):
    import tensorflow as tf

    x, queries = clustered(800)
    index = IVF(lists=20).build(x)
    state = IVFState(*(tf.Variable(a) for a in index.state))
    traces = []

    @tf.function(input_signature=[tf.TensorSpec((None, 16))], jit_compile=jit)
    def search(z):
        traces.append(z)
        with tf.GradientTape() as tape:
            tape.watch(z)
            found = ivf_neighbors(z, state, 5)
        return found, tape.gradient(found.distances, z)

    for size in (7, 3):
        found, gradient = search(queries[:size])
        expected = index.query(queries[:size], 5)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_allclose(found.distances, expected.distances, atol=1e-5)
        apart = queries[:size, None] - x[expected.indices]
        want = (apart / np.linalg.norm(apart, axis=2, keepdims=True)).sum(1)
        np.testing.assert_allclose(gradient, want, atol=1e-4)
    index.update(np.arange(400), clustered(400, seed=2)[0])  # the variables take it without a new trace
    for variable, value in zip(state, index.state, strict=True):
        variable.assign(value)
    np.testing.assert_array_equal(search(queries)[0].indices, index.query(queries, 5).indices)
    assert len(traces) == 1


@tensorflow_only
def test_saved_model_answers_in_a_process_that_knows_only_tensorflow(tmp_path):
    import tensorflow as tf

    x, queries = clustered(400)
    module = tf.Module()
    module.state = [tf.Variable(a) for a in IVF(lists=10).build(x).state]
    module.search = tf.function(
        lambda z: ivf_neighbors(z, IVFState(*module.state), 5), input_signature=[tf.TensorSpec((None, 16))]
    )
    tf.saved_model.save(module, tmp_path / "index")
    np.save(tmp_path / "queries.npy", queries)
    np.save(tmp_path / "indices.npy", nearest_neighbors(queries, x, 5).indices)
    script = (
        "import numpy as np, tensorflow as tf; m = tf.saved_model.load('index');"
        "d, i = m.search(np.load('queries.npy'));"
        "assert np.mean(i.numpy() == np.load('indices.npy')) > 0.9"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"lists": 0}, "lists"),
        ({"probes": 0}, "probes"),
        ({"distance": "l1"}, "distance"),
        ({"seed": -1}, "seed"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=f"Expected {message} to be"):
        IVF(**arguments)
