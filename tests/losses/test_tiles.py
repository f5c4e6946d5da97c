"""Losses in tiles: the value and the gradient of the dense computation, without its matrix."""

import keras
import numpy as np
import pytest
from keras import ops
from oracles import value_and_gradient

import tfdml
from tfdml.losses.parts import over_parts

PUBLIC = [thing for name in tfdml.losses.__all__ if isinstance(thing := getattr(tfdml.losses, name), type)]
CLASSES = [c for c in PUBLIC if issubclass(c, tfdml.losses.MetricLoss) and c is not tfdml.losses.MetricLoss]
every_loss = pytest.mark.parametrize("make", CLASSES, ids=lambda c: c.__name__)
tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")


def batch(n=23, dim=6, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.r_[rng.integers(0, 5, n - 1), 2**24 + 9])  # one without a positive
    return labels, rng.normal(size=(n, dim)).astype("float32")


def assert_same(got, expected, tolerance=1e-5):
    assert got[0] == pytest.approx(expected[0], rel=1e-5)
    np.testing.assert_allclose(got[1], expected[1], atol=tolerance * np.abs(expected[1]).max())


@pytest.mark.backend
@every_loss
def test_tiles_change_neither_value_nor_gradient(make):
    """The last tile is not full, and each anchor has a weight of its own, so that none can hide."""
    labels, z = batch()
    weights = np.random.default_rng(1).uniform(size=len(z)).astype("float32")
    for average in make.averages:
        kwargs = {"average": average} if len(make.averages) > 1 else {}
        dense, tiled = make(**kwargs), make(**kwargs, tile=10)
        expected = value_and_gradient(lambda x, loss=dense: loss(labels, x, weights), z)
        assert expected[0] > 0
        assert_same(value_and_gradient(lambda x, loss=tiled: loss(labels, x, weights), z), expected)


@pytest.mark.backend
@every_loss
def test_the_tile_is_in_the_configuration(make):
    loss = make(tile=4)
    assert keras.losses.deserialize(keras.losses.serialize(loss)).tile == 4
    assert keras.losses.deserialize(keras.losses.serialize(make(tile=None))).tile is None
    assert make().tile == "auto" and "tile" not in make().get_config()


@pytest.mark.backend
def test_a_loss_that_knows_of_no_tiles_is_computed_at_once_and_saved():
    class Own(tfdml.losses.MetricLoss):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)

    class Bare(tfdml.losses.MetricLoss):
        def __init__(self, name="bare"):
            super().__init__(name=name)

    assert Own().tile is None and "tile" not in Own().get_config() | Bare().get_config()
    assert Own.from_config(Own(tile=3).get_config()).tile == 3


@pytest.mark.backend
@every_loss
def test_by_default_a_large_batch_has_tiles(make, monkeypatch):
    from tfdml.losses import tiles

    labels, z = batch()
    calls, tiled_losses = [], tiles.tiled_losses
    monkeypatch.setattr(tiles, "LARGE", len(z) ** 2)
    monkeypatch.setattr(tiles, "TILES", (10, 256))
    monkeypatch.setattr(
        "tfdml.losses.base.tiled_losses", lambda *args: calls.append(args[-1]) or tiled_losses(*args)
    )
    smaller, whole, large = make()(labels[1:], z[1:]), make(tile=None)(labels, z), make()(labels, z)
    assert calls == [10] and np.isfinite(float(smaller))
    assert float(large) == pytest.approx(float(whole), rel=1e-5)


@pytest.mark.backend
@pytest.mark.parametrize("n, tile", [(1, 4), (4, 4), (5, 4), (9, 1), (3, 100)])
def test_any_number_of_rows_and_any_tile(n, tile):
    labels, z = np.arange(n) // 2, batch(n)[1]
    expected = value_and_gradient(lambda x: tfdml.losses.TripletLoss()(labels, x), z)
    tiled = tfdml.losses.TripletLoss(tile=tile)
    assert_same(value_and_gradient(lambda x: tiled(labels, x), z), expected)


@pytest.mark.backend
def test_several_labels_a_sample():
    rows, z = np.random.default_rng(0).integers(0, 2, (11, 4)), batch(11)[1]
    expected = value_and_gradient(lambda x: tfdml.losses.NPairLoss(l2=0.1)(rows, x), z)
    tiled = tfdml.losses.NPairLoss(l2=0.1, tile=4)
    assert_same(value_and_gradient(lambda x: tiled(rows, x), z), expected)


@pytest.mark.backend
def test_what_tiles_have_in_common_may_depend_on_what_they_have_in_common():
    """The variance about the mean, twice: four results, of which some wait for others."""

    class Chained(tfdml.losses.MetricLoss):
        def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
            value = tfdml.ops.dot_product(queries, keys)
            own = tfdml.ops.used_labels(query_labels)[:, None]
            number = over_parts(lambda x: ops.sum(x), ops.sum(ops.cast(own, "float32")), last=True)
            for _ in range(2):
                mean = over_parts(lambda x: ops.sum(x), ops.sum(ops.where(own, value, 0)))
                value = ops.square(value - mean / number)
            largest = over_parts(lambda x: ops.max(x), ops.max(ops.where(own, value, 0)), last=True)
            return ops.sum(value, axis=1) / largest

    labels, z = batch()
    expected = value_and_gradient(lambda x: Chained()(labels, x), z)
    assert_same(value_and_gradient(lambda x: Chained(tile=7)(labels, x), z), expected, tolerance=1e-3)


@pytest.mark.backend
@pytest.mark.parametrize("tile", [0, -1, 2.5, True, "all"])
def test_other_tiles_are_refused(tile):
    with pytest.raises(ValueError, match="Expected tile to be None, 'auto' or an integer of at least 1"):
        tfdml.losses.NTXentLoss(tile=tile)


@tensorflow_only
@pytest.mark.parametrize("make", [tfdml.losses.NTXentLoss, tfdml.losses.LiftedStructureLoss])
def test_is_traced_once_and_compiles(make):
    import tensorflow as tf

    traces, tiled = [], make(tile=8)

    def step(labels, z):
        traces.append(1)
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = tiled(labels, z)
        return value, tape.gradient(value, z)

    signature = [tf.TensorSpec((None,), tf.int64), tf.TensorSpec((None, 6))]
    once = tf.function(step, input_signature=signature)
    for n in (23, 24, 5):
        labels, z = batch(n)
        expected = value_and_gradient(lambda x, labels=labels: make()(labels, x), z)
        assert_same(tuple(x.numpy() for x in once(labels, z)), expected)
    assert len(traces) == 1
    compiled = tf.function(step, jit_compile=True)(tf.constant(labels), tf.constant(z))
    assert_same(tuple(x.numpy() for x in compiled), expected)


@tensorflow_only
@pytest.mark.parametrize(
    "make",
    [
        tfdml.losses.NTXentLoss,
        tfdml.losses.TripletLoss,
        tfdml.losses.ContrastiveLoss,
        tfdml.losses.SmoothAPLoss,
    ],
)
def test_no_tensor_is_a_matrix_of_the_batch(make):
    import tensorflow as tf

    size, tile = 512, 16

    @tf.function(input_signature=[tf.TensorSpec((size,), tf.int32), tf.TensorSpec((size, 4))])
    def step(labels, z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = make(tile=tile)(labels, z)
        return tape.gradient(value, z)

    main = step.get_concrete_function().graph
    graphs = [main, *(f.graph for f in main._functions.values() if hasattr(f, "graph"))]
    sizes = [x.shape.num_elements() or 0 for g in graphs for op in g.get_operations() for x in op.outputs]
    assert max(sizes) >= tile * size, "the graph of a tile was not looked into"
    assert max(sizes) < size * size / 4


@tensorflow_only
def test_trains_in_tiles():
    labels, z = batch(32)
    losses = []
    for tile in (None, 5):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
        model.compile("sgd", loss=tfdml.losses.NTXentLoss(tile=tile))
        losses.append(model.fit(z, labels, batch_size=16, shuffle=False, epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


@pytest.mark.parametrize(
    "queries, keys, tile",
    [(4095, 4096, None), (4096, 4096, 64), (128, 2**17, 64), (8192, 8192, 128), (65536, 65536, 256)],
)
def test_tiles_by_default_grow_with_the_batch(queries, keys, tile):
    from tfdml.losses.tiles import tile_for

    sizes = keras.KerasTensor((queries, 8)), keras.KerasTensor((keys, 8))
    assert tile_for("auto", *sizes) == tile
    assert tile_for("auto", keras.KerasTensor((None, 8)), sizes[1]) is None
    assert tile_for(7, *sizes) == 7
