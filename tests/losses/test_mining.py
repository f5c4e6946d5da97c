"""Mining: each choice against a loop; in every loss, in tiles, saved; and that it changes training."""

import json

import keras
import numpy as np
import pytest
from keras import ops
from oracles import value_and_gradient

import tfdml
from tfdml.losses import PairMining
from tfdml.losses.mining import NAMED

MINERS = [
    cls
    for name in tfdml.losses.__all__
    if isinstance(cls := getattr(tfdml.losses, name), type)
    and issubclass(cls, tfdml.losses.MetricLoss)
    and cls not in (tfdml.losses.MetricLoss, tfdml.losses.CenterLoss, tfdml.losses.DivergenceLoss)
]
every_loss = pytest.mark.parametrize("make", MINERS, ids=lambda c: c.__name__)
tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")


def batch(n=24, dim=6, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.r_[np.repeat([5, 2, 17], [n // 2, n // 4, n - 1 - n // 2 - n // 4]), 99])
    z = rng.normal(size=(n, dim))
    return labels, (z / np.linalg.norm(z, axis=1, keepdims=True)).astype("float32")


def masks(labels):
    same = labels[:, None] == labels[None, :]
    return same & ~np.eye(len(labels), dtype=bool), ~same


def loop(distance, positive, negative, positives="all", negatives="all", epsilon=None):
    """The definition, an anchor at a time, as sets of keys."""
    chosen = []
    for row in range(len(distance)):
        d, near = distance[row], np.flatnonzero(positive[row])
        far = np.flatnonzero(negative[row])
        if epsilon is not None:
            rival, limit = min(d[far], default=np.inf), max(d[near], default=-np.inf)
            near, far = (
                [p for p in near if d[p] + epsilon > rival],
                [n for n in far if d[n] - epsilon < limit],
            )
        if positives != "all" and len(near):
            near = [(min if positives == "easy" else max)(near, key=lambda p: d[p])]
        if negatives == "hard" and len(far):
            far = [min(far, key=lambda n: d[n])]
        elif negatives == "semi_hard" and len(far):
            far = [
                min([n for n in far if d[n] > d[p]], key=lambda n: d[n], default=max(far, key=lambda n: d[n]))
                for p in near
            ]
        chosen.append((set(near), set(far)))
    return chosen


def as_sets(mask):
    return [set(np.flatnonzero(row)) for row in ops.convert_to_numpy(mask)]


@pytest.mark.backend
@pytest.mark.parametrize("positives", ["all", "easy", "hard"])
@pytest.mark.parametrize("negatives", ["all", "hard", "semi_hard"])
@pytest.mark.parametrize("epsilon", [None, 0.0, 0.1])
def test_equals_a_loop(positives, negatives, epsilon):
    labels, z = batch()
    chosen = PairMining(positives, negatives, epsilon)(z, z, *masks(labels))
    expected = loop(1 - z.astype("float64") @ z.T, *masks(labels), positives, negatives, epsilon)
    assert list(zip(*map(as_sets, chosen), strict=True)) == expected


@pytest.mark.backend
@pytest.mark.parametrize(
    "name, arguments",
    [
        ("hard", {"positives": "hard", "negatives": "hard"}),
        ("semi_hard", {"negatives": "semi_hard"}),
        ("easy_positive", {"positives": "easy", "negatives": "semi_hard"}),
        ("distance_weighted", {"negatives": "distance_weighted"}),
        ("multi_similarity", {"epsilon": 0.1}),
    ],
)
def test_names_stand_for_what_the_docs_say(name, arguments):
    labels, z = batch()
    z = z + 3 * np.eye(6)[np.unique(labels, return_inverse=True)[1]]  # classes apart: some pairs are easy
    by_name = float(tfdml.losses.NTXentLoss(mining=name)(labels, z))
    assert by_name == float(tfdml.losses.NTXentLoss(mining=PairMining(**arguments))(labels, z))
    assert by_name != pytest.approx(float(tfdml.losses.NTXentLoss()(labels, z)), rel=1e-3)
    assert name in NAMED and len(NAMED) == 5


@pytest.mark.backend
def test_draws_as_many_negatives_as_positives_from_among_them():
    labels, z = batch(n=64, dim=3)  # few dimensions: weights that do not differ much
    labels = np.where(labels == 99, 5, np.arange(64) % 16)
    positive, negative = masks(labels)
    _, drawn = PairMining(negatives="distance_weighted")(z, z, positive, negative)
    drawn = ops.convert_to_numpy(drawn)
    assert not (drawn & ~negative).any()
    np.testing.assert_array_equal(drawn.sum(1), positive.sum(1))
    again = PairMining(negatives="distance_weighted")(z, z, positive, negative)[1]
    np.testing.assert_array_equal(ops.convert_to_numpy(again), drawn)


@pytest.mark.backend
def test_draws_with_the_probabilities_of_the_weights():
    rng = np.random.default_rng(0)
    weights = rng.uniform(size=12)
    weights /= weights.sum()
    starts = rng.uniform(size=20_000)
    many = np.broadcast_to(weights, (len(starts), 12)).astype("float32")
    mask = ops.convert_to_numpy(tfdml.ops.drawn(many, np.full(len(starts), 3.0), starts))
    np.testing.assert_array_equal(mask.sum(1), 3)
    np.testing.assert_allclose(mask.mean(0), 3 * weights, atol=0.01)


@pytest.mark.backend
def test_what_cannot_be_drawn_is_not():
    nothing = ops.convert_to_numpy(tfdml.ops.drawn(np.zeros((2, 3)), np.ones(2), np.array([0.0, 1.0])))
    assert not nothing.any()
    none = ops.convert_to_numpy(tfdml.ops.drawn(np.full((1, 4), 0.25), np.zeros(1), np.ones(1)))
    assert not none.any()


@pytest.mark.backend
def test_a_function_of_the_users_cannot_make_pairs_of_what_is_none():
    labels, z = batch()
    everything = tfdml.losses.NTXentLoss(mining=lambda q, k, p, n: (ops.ones_like(p), ops.ones_like(n)))
    assert float(everything(labels, z)) == pytest.approx(float(tfdml.losses.NTXentLoss()(labels, z)))
    nothing = tfdml.losses.NTXentLoss(mining=lambda q, k, p, n: (ops.zeros_like(p), n))
    assert float(nothing(labels, z)) == 0


@pytest.mark.backend
@every_loss
def test_tiles_change_nothing(make):
    labels, z = batch()
    whole, tiled = make(mining="hard"), make(mining="hard", tile=13)
    value, gradient = value_and_gradient(lambda x: whole(labels, x), z)
    assert np.isfinite(value) and np.isfinite(gradient).all()
    in_tiles, tiled_gradient = value_and_gradient(lambda x: tiled(labels, x), z)
    assert in_tiles == pytest.approx(value, rel=1e-4, abs=1e-6)
    np.testing.assert_allclose(tiled_gradient, gradient, atol=1e-4 * max(np.abs(gradient).max(), 1e-6))


@tensorflow_only
@pytest.mark.parametrize("mining", sorted(NAMED))
def test_compilation_and_tiles_change_nothing(mining):
    import tensorflow as tf

    labels, z = batch()
    make = tfdml.losses.CircleLoss
    value, gradient = value_and_gradient(lambda x: make(mining=mining)(labels, x), z)
    for loss, jit in (make(mining=mining, tile=13), False), (make(mining=mining), True):
        compiled = tf.function(lambda x, loss=loss: loss(labels, x), jit_compile=jit)
        other, other_gradient = value_and_gradient(compiled, z)
        assert other == pytest.approx(value, rel=1e-4)
        np.testing.assert_allclose(other_gradient, gradient, atol=1e-4 * np.abs(gradient).max())


@pytest.mark.backend
@every_loss
def test_finite_where_there_is_little_to_mine(make):
    batches = (
        (np.zeros(4, int), np.eye(4)),
        (np.arange(4), np.eye(4)),
        (np.zeros(1, int), np.ones((1, 4))),
        (np.arange(4) // 2, np.ones((4, 4))),
        (np.arange(4) // 2, np.zeros((4, 4))),
    )
    for mining, (labels, z) in zip(sorted(NAMED), batches, strict=True):
        loss = make(mining=mining)
        value, gradient = value_and_gradient(lambda x, y=labels, f=loss: f(y, x), z.astype("float32"))
        assert np.isfinite(value) and np.isfinite(gradient).all()


def keep_nearest(queries, keys, positive, negative):
    return positive, tfdml.ops.nearest_of(tfdml.ops.euclidean(queries, keys), negative)


@every_loss
def test_a_configuration_keeps_it(make):
    keras.saving.register_keras_serializable(package="test")(keep_nearest)
    labels, z = batch()
    for mining in ("easy_positive", PairMining("hard", epsilon=0.2), keep_nearest):
        loss = make(mining=mining)
        config = json.loads(json.dumps(keras.losses.serialize(loss)))
        revived = keras.losses.deserialize(config)
        assert keras.losses.serialize(revived) == keras.losses.serialize(loss)
        assert float(revived(labels, z)) == float(loss(labels, z))
    assert make().get_config().get("mining", "all") == "all"


@tensorflow_only
def test_is_traced_once_in_fit():
    labels, z = batch(n=32)
    loss = tfdml.losses.CircleLoss(mining=PairMining("easy", "distance_weighted"))
    traces, inner = [], loss.query_losses
    loss.query_losses = lambda *args, **kwargs: traces.append(1) or inner(*args, **kwargs)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    model.compile("sgd", loss=loss)
    model.fit(z, labels, batch_size=16, epochs=3, verbose=0)
    assert len(traces) == 1


@pytest.mark.backend
def test_with_a_memory_what_is_mined_is_mined_of_all_keys():
    labels, z = batch()
    loss = tfdml.losses.ContrastiveLoss(mining="hard", average="anchors", positive_margin=0)
    values = ops.convert_to_numpy(loss.batch_losses(z[:8], labels[:8], z[8:], labels[8:]))
    all_at_once = ops.convert_to_numpy(loss.query_losses(z, labels, z, labels, same_set=True))[:8]
    np.testing.assert_allclose(values, all_at_once, rtol=1e-5)


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: tfdml.losses.NTXentLoss(mining="hardest"),
            "Expected mining to be one of 'all', 'hard'.*'hardest'",
        ),
        (
            lambda: tfdml.losses.NTXentLoss(mining=3),
            "Expected mining to be one of .* or a function, received: 3",
        ),
        (lambda: PairMining(positives="semi_hard"), "Expected positives to be one of 'all', 'easy', 'hard'"),
        (lambda: PairMining(negatives="easy"), "Expected negatives to be one of 'all', 'hard', 'semi_hard'"),
        (lambda: PairMining(epsilon=-1), "Expected epsilon to be a number of at least 0, received: -1"),
        (lambda: PairMining(distance="l1"), "Expected distance to be one of"),
        (
            lambda: tfdml.losses.NTXentLoss(mining=lambda q, k, p, n: p)(*batch()),
            "Expected mining to give two masks",
        ),
        (
            lambda: tfdml.losses.TripletLoss(margin="soft", mining="easy_positive"),
            "Expected mining to be 'hard' or 'semi_hard' if margin='soft', received: 'easy_positive'",
        ),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@tensorflow_only
def test_easy_positives_leave_a_class_its_clusters():
    """What the paper says it changes: positives draw a class together as one, or each cluster by itself."""
    rng = np.random.default_rng(0)
    centers = 4 * np.eye(8)[:4]
    labels, cluster = np.tile([0, 0, 1, 1], 8), np.tile(np.arange(4), 8)  # each class two clusters
    z = (centers[cluster] + 0.1 * rng.normal(size=(32, 8))).astype("float32")

    def between_clusters(mining):
        dense = keras.layers.Dense(8, use_bias=False, kernel_initializer="identity")
        model = keras.Sequential([keras.Input((8,)), dense])
        model.compile(keras.optimizers.SGD(0.01), loss=tfdml.losses.ContrastiveLoss(0.5, 1.0, mining=mining))
        model.fit(z, labels, batch_size=32, epochs=50, shuffle=False, verbose=0)
        x = model.predict(z, verbose=0)
        return float(np.linalg.norm(x[cluster == 0].mean(axis=0) - x[cluster == 1].mean(axis=0)))

    assert between_clusters(PairMining(positives="easy")) > 5.0  # 4 √2 at first
    assert between_clusters("all") < 2.5
