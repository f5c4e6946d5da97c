import warnings

import keras
import numpy as np
import oracles_classifiers as oracles
import pytest
from keras import ops
from nngk_layers import CENTERS, LABELS, QUERIES, classifier
from oracles import value_and_gradient

import tfdml
from tfdml.layers import NNGKClassifier

as_numpy = ops.convert_to_numpy
tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
every_mode = pytest.mark.parametrize("mode", ["tied", "fixed", "loose"])


def slowly(queries=QUERIES, own=None, **arguments):
    own = [None] * len(queries) if own is None else own
    arguments = {"centers": CENTERS, "targets": LABELS, "bandwidth": 0.8, "k": 5} | arguments
    return np.array([oracles.nngk(z, own=o, **arguments) for z, o in zip(queries, own, strict=True)])


@pytest.mark.backend
@every_mode
@pytest.mark.parametrize("neighbors", [1, 5, 12, 40])
def test_equals_a_loop(mode, neighbors):
    """In inference and in training, where a sample is never its own neighbour; more than there are is cut."""
    weights = np.random.default_rng(1).normal(size=12)
    layer = classifier(log_weights=weights, neighbors=neighbors, centers=mode)
    got = as_numpy(layer(QUERIES))
    np.testing.assert_allclose(got, slowly(k=neighbors, log_weights=weights), atol=1e-5)
    np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-6)
    own = np.array([3, 0, 11, -1, 14])
    z = np.concatenate([CENTERS[own[:3]], QUERIES[:2]])
    got = as_numpy(layer(z, index=own, training=True))
    np.testing.assert_allclose(got, slowly(z, own, k=neighbors, log_weights=weights), atol=1e-5)


@pytest.mark.backend
def test_logits_are_those_of_the_probabilities():
    layer = classifier(activation=None)
    expected = slowly()
    got = as_numpy(ops.softmax(layer(QUERIES)))
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_all_neighbors_are_the_full_sum():
    np.testing.assert_allclose(
        classifier(neighbors=12)(QUERIES), classifier(neighbors=15)(QUERIES), atol=1e-6
    )


def test_scaling_all_weights_changes_nothing():
    weights = np.random.default_rng(1).normal(size=12)
    one, other = (classifier(log_weights=weights + shift)(QUERIES) for shift in (0, 3))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_narrow_kernel_is_the_nearest_and_a_wide_one_the_frequency():
    nearest = [oracles.neighbors(z, CENTERS, 1)[0][1] for z in QUERIES]
    narrow = as_numpy(classifier(bandwidth=1e-4)(QUERIES))
    np.testing.assert_allclose(narrow, np.eye(3)[LABELS[nearest]], atol=1e-6)
    np.testing.assert_allclose(classifier(neighbors=1)(QUERIES), np.eye(3)[LABELS[nearest]], atol=1e-6)
    weights = np.random.default_rng(1).normal(size=12)
    for z, row in zip(
        QUERIES, as_numpy(classifier(bandwidth=1e4, log_weights=weights)(QUERIES)), strict=True
    ):
        slots = [slot for _, slot in oracles.neighbors(z, CENTERS, 5)]
        votes = np.exp(weights[slots])[:, None] * np.eye(3)[LABELS[slots]]
        np.testing.assert_allclose(row, votes.sum(axis=0) / votes.sum(), atol=1e-5)


def test_far_queries_do_not_underflow():
    far = QUERIES + 1000
    np.testing.assert_allclose(classifier()(far), slowly(far), atol=1e-3)
    logits = as_numpy(classifier(activation=None)(far))
    assert np.isfinite(logits).all() and logits.max() < -1e5


@tensorflow_only
@every_mode
def test_gradients_equal_finite_differences_and_go_nowhere_else(mode):
    import tensorflow as tf

    layer = classifier(
        CENTERS.astype("float64"),
        centers=mode,
        dtype="float64",
        bandwidth="learned",
        center_regularization=0.3,
    )
    own, z = (
        np.array([3, 0, 11, -1, 14]),
        tf.Variable(np.concatenate([CENTERS[[4, 1, 2]], QUERIES[:2]]), dtype="float64"),
    )
    signs = np.random.default_rng(2).normal(size=(5, 3))

    def loss():
        return ops.sum(layer(z, index=own, training=True) * signs) + sum(layer.losses)

    trained = {v.name: v for v in layer.trainable_variables}
    expected = {"log_weights", "log_bandwidth"} | ({"centers"} if mode == "loose" else set())
    assert set(trained) == expected
    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, {"z": z} | {n: v.value for n, v in trained.items()})
    for name, variable in ({"z": z} | trained).items():
        gradient = np.array(tf.convert_to_tensor(gradients[name]))
        start = np.array(as_numpy(variable))
        for place in np.ndindex(start.shape):
            slope = 0.0
            for step in (1e-6, -1e-6):
                moved = start.copy()
                moved[place] += step
                variable.assign(moved)
                slope += float(loss()) / (2 * step)
            variable.assign(start)
            assert gradient[place] == pytest.approx(slope, rel=1e-4, abs=1e-7), name


def test_without_weights_nothing_of_a_tied_classifier_is_trained():
    assert classifier(sample_weights=False).trainable_variables == []


@pytest.mark.backend
def test_loose_centers_are_held_to_their_samples():
    layer = classifier(centers="loose", center_regularization=0.5)
    z = CENTERS[:4] + np.float32([[1], [2], [0], [5]])
    index = np.array([0, 1, 2, 13])  # nobody is in slot 13

    def penalty(x):
        layer(x, index=index, training=True)
        return layer.losses[0]

    value, gradient = value_and_gradient(penalty, z)
    assert value == pytest.approx(0.5 * 3 * (1 + 4 + 0) / 4, rel=1e-5)
    np.testing.assert_allclose(gradient, 0.25 * (z - CENTERS[:4]) * [[1], [1], [1], [0]], atol=1e-5)
    layer(z)
    assert layer.losses == []


@pytest.mark.backend
@pytest.mark.parametrize("activation", ["softmax", None])
@pytest.mark.parametrize("soft", [False, True], ids=["labels", "targets"])
@pytest.mark.parametrize("size", [0.0, 1e-20, 1.0, 1e4, 1e15, 1e30])
def test_degenerate_embeddings_give_finite_values_and_gradients(size, soft, activation):
    """Identical, zero and huge ones, among them a query at a center."""
    z = np.float32(size) * np.ones((4, 3), "float32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the classes that are empty
        layer = classifier(z, np.zeros(4, int), soft_targets=soft, activation=activation, bandwidth="median")
    index = np.arange(4)
    value, gradient = value_and_gradient(
        lambda x: ops.sum(ops.square(layer(x, index=index, training=True))), z
    )
    assert np.isfinite(value) and np.isfinite(gradient).all()
    rows = as_numpy(layer(z))
    assert (rows.argmax(axis=1) == 0).all()
    assert np.isfinite(as_numpy(layer.confidence(z))).all()


@pytest.mark.parametrize("activation", ["softmax", None])
def test_no_centers_and_one_center(activation):
    layer = NNGKClassifier(2, capacity=3, activation=activation)
    np.testing.assert_allclose(layer(QUERIES), 0 if activation else -23)
    np.testing.assert_array_equal(layer.explain(QUERIES).indices, -1)
    np.testing.assert_array_equal(layer.confidence(QUERIES), 0)
    layer.add(CENTERS[:1], np.array([1]))
    assert (as_numpy(layer(QUERIES)).argmax(axis=1) == 1).all()
    alone = layer(CENTERS[:1], index=np.array([0]), training=True)  # with no neighbour at all
    np.testing.assert_allclose(alone, 0 if activation else -23)
    single = NNGKClassifier(1, capacity=1)
    single.build((None, 3))
    single.set_centers(CENTERS[:1], np.array([0]))
    np.testing.assert_allclose(single(QUERIES), 1)
    np.testing.assert_allclose(single(CENTERS[:1], index=np.array([0]), training=True), 0)


def test_a_class_without_centers_is_named_once():
    layer = NNGKClassifier(14, capacity=5)
    layer.build((None, 3))
    with pytest.raises(UserWarning, match=r"12 of 14 classes, .* is zero: 0, 2, 3, 5.*, \.\.\."):
        layer.set_centers(CENTERS[:2], np.array([1, 4]))
    layer.set_centers(CENTERS[:2], np.array([1, 4]))  # and not again
    np.testing.assert_array_equal(np.flatnonzero(as_numpy(layer(QUERIES)).sum(axis=0)), [1, 4])


def test_training_without_the_index_is_warned_of_once():
    layer = classifier()
    with pytest.raises(UserWarning, match="neighbours of themselves"):
        layer(QUERIES, training=True)
    layer(QUERIES, training=True)


@pytest.mark.backend
@pytest.mark.parametrize("own", [[15], [-2], [2**31], [2**40]])
def test_a_slot_that_does_not_exist_is_an_error_or_has_no_neighbours(own):
    if keras.backend.backend() == "jax" and own[0] >= 2**31:
        pytest.skip("JAX cuts it to 32 bits before the layer sees it")
    layer, own = classifier(), np.array(own)
    with pytest.raises(
        ValueError, match=rf"index to be from -1 to 14, the capacity less one, received: {own[0]}"
    ):
        layer(QUERIES[:1], index=own, training=True)
    layer(QUERIES[:1], index=own)  # inference knows no slots
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        in_graph = tf.function(lambda z, i: layer(z, index=i, training=True))
        np.testing.assert_array_equal(in_graph(QUERIES[:1], tf.constant(own, "int64")), np.zeros((1, 3)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bandwidth": 0}, "bandwidth to be a number above 0, received: 0"),
        ({"bandwidth": -1.0}, "bandwidth to be a number above 0, received: -1"),
        ({"bandwidth": float("nan")}, "bandwidth to be a number"),
        ({"bandwidth": "mean"}, "bandwidth to be one of 'median', 'learned'"),
        ({"neighbors": 0}, "neighbors to be an integer of at least 1"),
        ({"capacity": 0}, "capacity to be an integer of at least 1"),
        ({"centers": "free"}, "centers to be one of 'tied', 'fixed', 'loose'"),
        ({"center_regularization": -1}, "center_regularization to be a number of at least 0"),
        ({"activation": "relu"}, "activation to be one of"),
        ({"search": "faiss"}, "search to be None or an index of tfdml.search"),
        ({"search": tfdml.search.Exact("cosine")}, "search to be by Euclidean distance, received: 'cosine'"),
        ({"compression": 0}, "compression bytes to be an integer of at least 1"),
        ({"compression": {"bytes": 2, "dim": 3}}, "compression dim to be a multiple of its bytes"),
        ({"compression": {"dim": 3}}, "compression to have bytes and dim"),
        ({"compression": 2, "centers": "loose"}, "centers to be 'tied' or 'fixed' with compression"),
    ],
    ids=lambda value: str(value).split(" at 0x")[0],  # processes share the tests, not the addresses
)
def test_refuses_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        NNGKClassifier(**{"num_classes": 2, "capacity": 4} | arguments)


def test_the_median_bandwidth_is_a_third_of_that_of_neighbours():
    layer = classifier(bandwidth="median")
    distances = [d for i, z in enumerate(CENTERS) for d, _ in oracles.neighbors(z, CENTERS, 5, own=i)]
    assert float(np.exp(layer.log_bandwidth)) == pytest.approx(np.sqrt(np.median(distances)) / 3, rel=1e-5)
    learned = classifier(bandwidth="learned")
    assert float(learned.log_bandwidth) == pytest.approx(float(layer.log_bandwidth))
    for each in layer, learned:
        each.set_centers(3 * CENTERS, LABELS)
    assert float(layer.log_bandwidth) == pytest.approx(float(learned.log_bandwidth) + np.log(3), rel=1e-5)


@tensorflow_only
@pytest.mark.parametrize(
    "arguments", [{}, {"soft_targets": True, "activation": None}, {"compression": 3}], ids=str
)
def test_compiles_and_mixes_precision(arguments):
    import tensorflow as tf

    layer, index = classifier(**arguments), np.arange(5)
    for training in False, True:
        compiled = tf.function(lambda z, t=training: layer(z, index=index, training=t), jit_compile=True)
        np.testing.assert_allclose(
            compiled(QUERIES), layer(QUERIES, index=index, training=training), rtol=1e-4, atol=1e-5
        )
    for policy in "mixed_float16", "mixed_bfloat16":
        mixed = classifier(**arguments, dtype=policy)
        half = tf.cast(QUERIES, policy[6:])
        assert (
            mixed(half).dtype == "float32"
            and keras.Sequential([keras.Input((3,)), mixed]).outputs[0].dtype == "float32"
        )
        np.testing.assert_allclose(mixed(half), layer(tf.cast(half, "float32")), atol=1e-5)
