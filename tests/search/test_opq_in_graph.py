import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from tfdml.search import OPQ, asymmetric_distances, quantized_neighbors

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow")


@pytest.fixture(scope="module", params=[8, 16], ids=["cut", "whole"])
def case(request):
    """Queries, codes, arrays and decoded embeddings, with and without directions that are cut off."""
    x = np.random.default_rng(0).normal(size=(300, 16)).astype("float32") * 0.9 ** np.arange(16) + 2
    opq = OPQ(bytes=4, dim=request.param, iterations=2).fit(x)
    queries = np.random.default_rng(1).normal(size=(7, 16)).astype("float32") + 2
    codes = opq.encode(x)[:70]
    codes[50] = codes[3]  # a tie
    return queries, codes, opq.state(), opq.decode(codes)


def squared(queries, decoded):
    return np.square(queries[:, None].astype("float64") - decoded).sum(2)


def nearest(queries, decoded, k, active=None, exclude=None):
    table = squared(queries, decoded)
    if active is not None:
        table[:, ~active] = np.inf
    if exclude is not None:
        for row, place in zip(table, exclude, strict=True):
            row[place if place >= 0 else []] = np.inf
    places = np.argsort(table, axis=1, kind="stable")[:, :k]
    distances = np.take_along_axis(table, places, 1)
    return distances, np.where(np.isinf(distances), -1, places)


def arrays(results):
    return [ops.convert_to_numpy(x) for x in results]


@pytest.mark.backend
@pytest.mark.parametrize("tile", [32, 100])
def test_distances_are_those_to_the_decoded(case, tile):
    queries, codes, state, decoded = case
    distances = ops.convert_to_numpy(asymmetric_distances(queries, codes, **state, tile=tile))
    np.testing.assert_allclose(distances, squared(queries, decoded), rtol=1e-5)


@pytest.mark.backend
@pytest.mark.parametrize(("k", "tile"), [(1, 32), (5, 17), (5, 35), (69, 20), (69, 100)])
def test_neighbors_are_those_among_the_decoded(case, k, tile):
    queries, codes, state, decoded = case
    active = np.arange(70) % 3 > 0
    active[50] = True
    exclude = np.array([4, -1, 50, 3, 69, 0, 1])
    for settings in {"exclude": exclude}, {"active": active, "exclude": exclude}:
        distances, indices = arrays(quantized_neighbors(queries, codes, **state, k=k, tile=tile, **settings))
        expected, places = nearest(queries, decoded, k, **settings)
        np.testing.assert_allclose(distances, expected, rtol=1e-5)
        assert indices.dtype == "int32"
        np.testing.assert_array_equal(indices, places)


@pytest.mark.backend
@pytest.mark.parametrize("scale", [1e-18, 1.0, 1e15])
def test_few_queries_and_many_find_the_same(case, scale):
    queries, codes, state, _ = case
    state = {"rotation": state["rotation"], "codebooks": np.float32(scale) * state["codebooks"]}
    queries = np.float32(scale) * np.concatenate([queries] * 20)
    many = arrays(quantized_neighbors(queries, codes, **state, k=5))
    few = arrays(quantized_neighbors(queries[:1], codes, **state, k=5))
    for row in range(0, 140, 7):
        np.testing.assert_array_equal(many[1][row], few[1][0])
        np.testing.assert_allclose(many[0][row], few[0][0], rtol=1e-6)


@pytest.mark.backend
def test_k_is_cut_to_what_there_is(case):
    queries, codes, state, _ = case
    assert quantized_neighbors(queries, codes, **state, k=99).indices.shape == (7, 70)
    found = quantized_neighbors(queries, codes, **state, k=99, exclude=np.full(7, -1), tile=9)
    assert found.indices.shape == (7, 69)
    with pytest.raises(ValueError, match="exclude leaves"):
        quantized_neighbors(queries, codes[:1], **state, k=1, exclude=np.zeros(7))


@pytest.mark.backend
def test_bfloat16_queries_are_computed_in_float32(case):
    queries, codes, state, _ = case
    queries = ops.cast(queries, "bfloat16")
    low = arrays(quantized_neighbors(queries, codes, **state, k=5))
    full = arrays(quantized_neighbors(ops.cast(queries, "float32"), codes, **state, k=5))
    assert low[0].dtype == "float32"
    np.testing.assert_array_equal(low[1], full[1])


@pytest.mark.backend
@pytest.mark.parametrize(("name", "value"), [
    ("queries", np.zeros((2, 15))), ("codes", np.zeros((9, 3), "uint8")),
    ("codes", np.zeros((0, 4), "uint8")), ("active", np.ones(3)),
    ("rotation", np.zeros((16, 5))), ("codebooks", np.zeros((4, 256))), ("k", 0), ("tile", 0),
])  # fmt: skip
def test_what_does_not_fit_is_refused(case, name, value):
    queries, codes, state, _ = case
    arguments = {"queries": queries, "codes": codes, **state, "k": 2, name: value}
    with pytest.raises(ValueError, match=f"Expected {name} to be"):
        quantized_neighbors(**arguments)


@tensorflow_only
@pytest.mark.parametrize("jit", [False, True])
def test_compiled_with_an_unknown_number_of_queries(case, jit):
    import tensorflow as tf

    queries, codes, state, _ = case
    traces = []

    @tf.function(input_signature=[tf.TensorSpec((None, 16))], jit_compile=jit)
    def search(z):
        traces.append(z)
        return asymmetric_distances(z, codes, **state, tile=32), *quantized_neighbors(
            z, codes, **state, k=5, tile=32
        )

    for size in (7, 4):  # the more by products, where the codes are cut
        found = quantized_neighbors(queries[:size], codes, **state, k=5)
        expected = asymmetric_distances(queries[:size], codes, **state), *found
        for got, want in zip(search(queries[:size]), expected, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5)
    assert len(traces) == 1


@tensorflow_only
def test_gradient_reaches_the_queries(case):
    import tensorflow as tf

    queries, codes, state, decoded = case
    x = tf.constant(queries)
    with tf.GradientTape() as tape:
        tape.watch(x)
        distances, indices = quantized_neighbors(x, codes, **state, k=2, tile=32)
    expected = 2 * (queries[:, None] - decoded[indices]).sum(1)
    np.testing.assert_allclose(tape.gradient(distances, x), expected, rtol=1e-4, atol=1e-4)


@tensorflow_only
def test_saved_model_answers_in_a_process_that_knows_only_tensorflow(case, tmp_path):
    import tensorflow as tf

    queries, codes, state, _ = case
    module = tf.Module()
    module.codes = tf.Variable(codes)
    module.arrays = {name: tf.Variable(value) for name, value in state.items()}
    module.search = tf.function(
        lambda z: quantized_neighbors(z, module.codes, **module.arrays, k=5, tile=32),
        input_signature=[tf.TensorSpec((None, 16))],
    )
    tf.saved_model.save(module, tmp_path / "index")
    np.savez(tmp_path / "expected.npz", queries=queries, **module.search(queries)._asdict())
    script = (
        "import sys; sys.modules['tfdml'] = sys.modules['keras'] = None;"
        "import numpy as np, tensorflow as tf; m = tf.saved_model.load('index');"
        "e = np.load('expected.npz'); found = m.search(e['queries']);"
        "d, i = found if isinstance(found, (list, tuple)) else (found['distances'], found['indices']);"
        "np.testing.assert_allclose(d, e['distances'], rtol=1e-5);"
        "np.testing.assert_array_equal(i, e['indices'])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
