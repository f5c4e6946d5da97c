import subprocess
import sys

import keras
import numpy as np
import oracles_metrics as oracles
import pytest
from keras import ops

from tfdml.search import Exact, nearest_neighbors
from tfdml.search.exact import DISTANCES

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow")


def points(queries=9, gallery=23, dim=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(-2, 3, (queries, dim)), rng.integers(-2, 3, (gallery, dim))


def arrays(results):
    return [ops.convert_to_numpy(x) for x in results]


@pytest.mark.backend
@pytest.mark.parametrize("tile", [1, 4, 5, 22, 23, 100])
@pytest.mark.parametrize("k", [1, 5, 23])
@pytest.mark.parametrize("own", [False, True])
def test_equals_a_full_sort_with_the_lower_index_first(k, tile, own):
    _, x = points()
    expected = oracles.squared_distances(x, x)
    exclude = np.arange(len(x)) if own else None
    distances, indices = arrays(nearest_neighbors(x.astype("float32"), x, k, exclude=exclude, tile=tile))
    places = oracles.nearest(expected, k, exclude)
    np.testing.assert_array_equal(indices, places)
    np.testing.assert_allclose(
        distances, np.sqrt(np.take_along_axis(np.array(expected), places, 1)), rtol=1e-6
    )


@pytest.mark.backend
@pytest.mark.parametrize("distance", ["squared_euclidean", "dot", "cosine"])
def test_distances(distance):
    queries, gallery = points(dim=4)
    q, g = queries.astype("float64"), gallery.astype("float64")
    unit_q, unit_g = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9) for x in (q, g))
    table = {
        "squared_euclidean": ((q[:, None] - g) ** 2).sum(2),
        "dot": -q @ g.T,
        "cosine": 1 - unit_q @ unit_g.T,
    }[distance]
    distances, indices = arrays(nearest_neighbors(q, g, 6, distance=distance, tile=7))
    np.testing.assert_allclose(distances, np.sort(table, axis=1)[:, :6], atol=1e-6)
    np.testing.assert_allclose(distances, np.take_along_axis(table, indices, 1), atol=1e-6)


@pytest.mark.backend
def test_an_embedding_is_at_distance_zero_of_itself():
    x = 50 + np.random.default_rng(0).normal(size=(30, 16)).astype("float32")
    distances, indices = arrays(nearest_neighbors(x, x, 1, tile=8))
    np.testing.assert_array_equal(distances, 0)
    np.testing.assert_array_equal(indices[:, 0], np.arange(30))


@pytest.mark.backend
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30])
def test_cosine_of_any_length_is_finite(scale):
    queries, gallery = points()
    distances, _ = arrays(nearest_neighbors(np.float32(scale) * queries, gallery, 4, distance="cosine"))
    assert np.isfinite(distances).all()
    assert (distances == 1).all() == (scale == 0)


@pytest.mark.backend
def test_k_is_cut_to_what_there_is():
    queries, gallery = points()
    assert nearest_neighbors(queries, gallery, 99)[1].shape == (9, 23)
    assert nearest_neighbors(queries, gallery, 99, exclude=np.full(9, -1), tile=5)[1].shape == (9, 22)


@pytest.mark.backend
@pytest.mark.parametrize("tile", [4, 23])
@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("active", [0, 1, 7])
def test_only_what_is_active_is_found(active, distance, tile):
    _, x = points(gallery=23)
    rows = np.sort(np.random.default_rng(active).permutation(23)[:active])
    mask = np.isin(np.arange(23), rows)
    distances, indices = arrays(
        nearest_neighbors(x, x, 9, distance=distance, exclude=np.arange(23), active=mask, tile=tile)
    )
    for own in range(23):  # as a search among the active alone, without itself
        others = rows[rows != own]
        number = min(9, len(others))
        assert (indices[own, number:] == -1).all() and (distances[own, number:] == np.inf).all()
        if number:
            among = arrays(nearest_neighbors(x[own : own + 1], x[others], 9, distance=distance))
            found = indices[own, :number]
            assert len(set(found)) == number and np.isin(found, others).all()
            if "euclidean" in distance:  # of whole numbers: without rounding, equal ones stay equal
                np.testing.assert_array_equal(found, others[among[1][0]])
            np.testing.assert_allclose(distances[own, :number], among[0][0], atol=1e-6)


@pytest.mark.backend
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("distance", DISTANCES)
def test_many_items_with_anything_in_places_that_are_not_active(distance, given):
    rng = np.random.default_rng(0)
    queries, gallery = (rng.integers(-3, 4, (n, 3)).astype("float32") for n in (6, 3000))
    rows = np.flatnonzero(rng.random(3000) < 0.8)
    halves = np.square(gallery).sum(axis=1) / 2
    idle = np.setdiff1d(np.arange(2100), rows)  # the last tile has none
    rows = np.union1d(rows, np.arange(2100, 3000))
    gallery[idle] = np.resize([np.nan, np.inf, -np.inf, 1e30], (len(idle), 1))
    halves[idle] = np.nan
    mask = np.isin(np.arange(3000), rows)
    found = nearest_neighbors(
        queries, gallery, 8, distance=distance, active=mask, tile=1024, half_squares=halves if given else None
    )
    expected = nearest_neighbors(queries, gallery[rows], 8, distance=distance, tile=3000)
    distances, indices = arrays(found)
    np.testing.assert_allclose(distances, arrays(expected)[0], atol=1e-6)
    if "euclidean" in distance:  # of whole numbers: equal ones are equal, and come in their order
        np.testing.assert_array_equal(indices, rows[arrays(expected)[1]])
    assert mask[indices].all()


@tensorflow_only
@pytest.mark.parametrize("distance, jit", [("dot", False), ("euclidean", False), ("euclidean", True)])
def test_gradients_of_several_tiles_in_a_graph(distance, jit):
    import tensorflow as tf

    queries, gallery = (x.astype("float32") for x in points())

    @tf.function(jit_compile=jit)
    def search(z, tile):
        with tf.GradientTape() as tape:
            tape.watch(z)
            mask = np.arange(23) < 20
            total = tf.reduce_sum(
                nearest_neighbors(z, gallery, 3, distance=distance, active=mask, tile=tile).distances
            )
        return tape.gradient(total, z)

    np.testing.assert_allclose(search(queries, 5), search(queries, 23), atol=1e-5)


@tensorflow_only
@pytest.mark.parametrize("distance", DISTANCES)
def test_what_is_active_is_a_tensor_that_may_change_and_gradients_stay_finite(distance):
    import tensorflow as tf

    _, x = (z.astype("float32") for z in points())
    mask = tf.Variable(np.arange(23) < 2)

    @tf.function(jit_compile=True)
    def search(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            found = nearest_neighbors(z, x, 3, distance=distance, active=mask)
            total = tf.reduce_sum(tf.where(found.indices >= 0, found.distances, 0))
        return found.indices, tape.gradient(total, z)

    for number in (2, 1, 0):
        mask.assign(np.arange(23) < number)
        indices, gradient = search(tf.constant(x))
        assert np.isfinite(gradient).all()
        np.testing.assert_array_equal((np.array(indices) >= 0).sum(1), number)


@pytest.mark.backend
def test_bfloat16_is_computed_in_float32():
    queries, gallery = points()
    given = [ops.cast(x, "bfloat16") for x in (queries, gallery)]
    for low, full in zip(nearest_neighbors(*given, 5), nearest_neighbors(queries, gallery, 5), strict=True):
        assert keras.backend.standardize_dtype(low.dtype) in ("float32", "int32")
        np.testing.assert_array_equal(*arrays((low, full)))


@tensorflow_only
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_compiled_with_an_unknown_number_of_queries(jit, distance):
    import tensorflow as tf

    queries, gallery = (x.astype("float32") for x in points())
    traces = []

    @tf.function(input_signature=[tf.TensorSpec((None, 3))], jit_compile=jit)
    def search(z):
        traces.append(z)
        return nearest_neighbors(z, gallery, 5, distance=distance, tile=6)

    for size in (9, 4):
        expected = nearest_neighbors(queries[:size], gallery, 5, distance=distance)
        for got, want in zip(search(queries[:size]), expected, strict=True):
            np.testing.assert_allclose(got, want, atol=1e-6)
    assert len(traces) == 1


@tensorflow_only
def test_gradient_of_the_distances_across_tiles():
    import tensorflow as tf

    x = tf.constant([[0.0, 0.0], [3.0, 4.0]])
    gallery = tf.constant([[9.0, 9.0], [3.0, 4.0], [8.0, 8.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        distances, _ = nearest_neighbors(x, gallery, 1, tile=2)
    np.testing.assert_allclose(tape.gradient(distances, x), [[-0.6, -0.8], [0, 0]], atol=1e-6)


@tensorflow_only
def test_saved_model_answers_in_a_process_that_knows_only_tensorflow(tmp_path):
    import tensorflow as tf

    queries, gallery = (x.astype("float32") for x in points(gallery=40))
    module = tf.Module()
    module.gallery = tf.Variable(gallery)
    module.search = tf.function(
        lambda z: nearest_neighbors(z, module.gallery, 5, tile=16), input_signature=[tf.TensorSpec((None, 3))]
    )
    tf.saved_model.save(module, tmp_path / "index")
    np.save(tmp_path / "queries.npy", queries)
    for name, value in zip(("distances", "indices"), module.search(queries), strict=True):
        np.save(tmp_path / f"{name}.npy", value)
    script = (
        "import numpy as np, tensorflow as tf; m = tf.saved_model.load('index');"
        "d, i = m.search(np.load('queries.npy'));"
        "np.testing.assert_allclose(d, np.load('distances.npy'), atol=1e-6);"
        "np.testing.assert_array_equal(i, np.load('indices.npy'))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.backend
@pytest.mark.parametrize("size", [0, 3, 9])
def test_index_answers_in_tiles_of_queries(size):
    queries, gallery = points()
    index = Exact("squared_euclidean", tile=7, query_tile=4).build(gallery)
    exclude = np.arange(9)
    found = index.query(queries[:size], 5, exclude=exclude[:size])
    expected = nearest_neighbors(queries, gallery, 5, distance="squared_euclidean", exclude=exclude)
    for got, want in zip(found, arrays(expected), strict=True):
        np.testing.assert_allclose(got, want[:size], atol=1e-6)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"k": 0}, "k to be an integer of at least 1, received: 0"),
        ({"k": 2.0}, "k to be an integer of at least 1, received: 2.0"),
        ({"tile": -1}, "tile to be an integer of at least 1, received: -1"),
        ({"distance": "l1"}, "distance to be one of euclidean, .* received: 'l1'"),
        ({"queries": np.ones(2)}, r"queries to be of shape \(queries, 2\), received: \(2,\)"),
        ({"queries": np.ones((3, 4))}, r"queries to be of shape \(queries, 2\), received: \(3, 4\)"),
        ({"gallery": np.ones((0, 2))}, r"gallery to be of a known shape .* received: \(0, 2\)"),
        ({"active": np.ones(4, bool)}, r"active to be of shape \(5,\), received: \(4,\)"),
        ({"half_squares": np.ones(4)}, r"half_squares to be of shape \(5,\), received: \(4,\)"),
        ({"gallery": np.ones((1, 2)), "exclude": [0, 0, 0]}, "gallery to hold an item that exclude leaves"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=f"Expected {message}"):
        nearest_neighbors(**{"queries": np.ones((3, 2)), "gallery": np.ones((5, 2)), "k": 1, **arguments})


def test_refuses_a_query_before_build():
    with pytest.raises(ValueError, match="an index with a gallery"):
        Exact().query(np.ones((1, 2)), 1)
