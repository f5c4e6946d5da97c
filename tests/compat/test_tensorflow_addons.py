"""TensorFlow Addons 0.23 under its own names: golden values of the functions, and classes around them."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from oracles import value_and_gradient

from tfdml.compat import tensorflow_addons as tfa

pytestmark = pytest.mark.backend

FIXTURES = Path(__file__).parent.parent / "fixtures" / "losses"
BATCHES = json.loads((FIXTURES / "batches.json").read_text())
ROWS = [row for row in json.loads((FIXTURES / "tfa.json").read_text()) if row["kind"] == "function"]
CLASSES = {
    "triplet_semihard_loss": tfa.losses.TripletSemiHardLoss,
    "triplet_hard_loss": tfa.losses.TripletHardLoss,
    "npairs_loss": tfa.losses.NpairsLoss,
    "npairs_multilabel_loss": tfa.losses.NpairsMultilabelLoss,
    "lifted_struct_loss": tfa.losses.LiftedStructLoss,
    "contrastive_loss": tfa.losses.ContrastiveLoss,
}
TRIPLETS = [tfa.losses.TripletSemiHardLoss, tfa.losses.TripletHardLoss]


def called_with(row):
    """`y_true`, `y_pred` and the arguments of a recorded call."""
    batch = BATCHES["unit" if row["batch"] == "one class" else row["batch"]]
    labels, z = np.array(batch["labels"]), np.array(batch["embeddings"], "float32")
    labels = np.zeros_like(labels) if row["batch"] == "one class" else labels
    arguments = {key: row[key] for key in ("margin", "soft", "distance_metric") if key in row}
    half = len(z) // 2
    if row["function"] == "npairs_loss":
        return labels[:half], z[:half] @ z[half : 2 * half].T, arguments
    if row["function"] == "npairs_multilabel_loss":
        return np.array(row["labels"]), z[:half] @ z[half : 2 * half].T, arguments
    if row["function"] == "contrastive_loss":
        i, j = np.nonzero(~np.eye(len(z), dtype=bool))
        return (labels[i] == labels[j]).astype(int), np.linalg.norm(z[i] - z[j], axis=1), arguments
    return labels, z, arguments


def name_of(row):
    return " ".join(
        str(value) for key, value in row.items() if key not in ("value", "gradient", "labels", "kind")
    )


@pytest.mark.parametrize("row", [row for row in ROWS if np.isfinite(row["value"])], ids=name_of)
def test_functions_and_classes_give_the_recorded_numbers(row):
    y_true, y_pred, arguments = called_with(row)
    function = getattr(tfa.losses, row["function"])
    value, gradient = value_and_gradient(lambda x: keras.ops.mean(function(y_true, x, **arguments)), y_pred)
    assert value == pytest.approx(row["value"], rel=1e-5, abs=1e-6)
    if "gradient" in row:
        np.testing.assert_allclose(gradient, row["gradient"], rtol=1e-4, atol=2e-6)
    loss = CLASSES[row["function"]](**arguments)
    assert float(loss(y_true, y_pred)) == pytest.approx(row["value"], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("row", [row for row in ROWS if not np.isfinite(row["value"])], ids=name_of)
def test_what_is_not_a_number_there_is_finite(row):
    y_true, y_pred, arguments = called_with(row)
    function = getattr(tfa.losses, row["function"])
    value, gradient = value_and_gradient(lambda x: function(y_true, x, **arguments), y_pred)
    assert np.isfinite(gradient).all()
    if row["function"] == "lifted_struct_loss":
        assert row["batch"] == "one class" and value == 0
    elif row["function"] == "triplet_hard_loss":
        assert row["soft"] and 80 < value < 100
    else:
        shared = y_true @ y_true.T
        rows = [i for i in range(len(y_true)) if shared[i].sum()]
        terms = [
            sum(
                w / shared[i].sum() * (np.log(np.exp(y_pred[i]).sum()) - s)
                for w, s in zip(shared[i], y_pred[i], strict=True)
            )
            for i in rows
        ]
        assert len(rows) < len(y_true)
        assert value == pytest.approx(sum(terms) / len(y_true), rel=1e-5)


@pytest.mark.parametrize("function", ["triplet_semihard_loss", "lifted_struct_loss"])
def test_no_positive_pair_is_no_loss(function):
    function = getattr(tfa.losses, function)
    value, gradient = value_and_gradient(lambda x: function(np.arange(4), x), np.eye(4, dtype="float32"))
    assert value == 0 and not gradient.any()


def test_distances():
    x = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    apart = np.linalg.norm(x[:, None] - x[None], axis=2)
    distance = tfa.losses.metric_learning.pairwise_distance
    np.testing.assert_allclose(keras.ops.convert_to_numpy(distance(x)), apart, atol=1e-5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(distance(x, squared=True)), apart**2, atol=1e-5)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    angular = tfa.losses.metric_learning.angular_distance
    np.testing.assert_allclose(keras.ops.convert_to_numpy(angular(x)), 1 - unit @ unit.T, atol=1e-6)
    assert (keras.ops.convert_to_numpy(angular(np.zeros((2, 3)))) == 1).all()


@pytest.mark.parametrize("loss", TRIPLETS)
def test_a_function_may_give_the_distances(loss):
    labels, z = np.arange(8) // 2, np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    expected = float(loss(distance_metric="squared-L2")(labels, z))
    square = lambda x: keras.ops.square(tfa.losses.metric_learning.pairwise_distance(x))  # noqa: E731
    assert float(loss(distance_metric=square)(labels, z)) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match=r"Expected distance_metric to be one of 'L2', .*received: 'cosine'"):
        loss(distance_metric="cosine")(labels, z)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_goes_in_and_comes_out(dtype):
    labels, z = np.arange(8) // 2, np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    rounded = keras.ops.cast(z, dtype)
    value = tfa.losses.triplet_semihard_loss(labels, rounded)
    assert keras.backend.standardize_dtype(value.dtype) == dtype
    exact = tfa.losses.triplet_semihard_loss(labels, keras.ops.cast(rounded, "float32"))
    assert float(value) == pytest.approx(float(exact), rel=1e-2)


@pytest.mark.parametrize("make", CLASSES.values(), ids=lambda c: c.__name__)
def test_survives_its_configuration(make):
    loss = make(name="other", **({"margin": 0.3} if "margin" in make.__init__.__code__.co_varnames else {}))
    config = json.dumps(keras.losses.serialize(loss))
    revived = keras.losses.deserialize(json.loads(config))
    assert type(revived) is make and revived.name == "other"
    assert json.dumps(keras.losses.serialize(revived)) == config
    x = np.random.default_rng(0).uniform(size=(4, 4)).astype("float32")
    y = np.eye(4, dtype=int) if make is tfa.losses.NpairsMultilabelLoss else np.array([0, 0, 1, 1])
    x = x[:, 0] if make is tfa.losses.ContrastiveLoss else x
    assert float(revived(y, x)) == float(loss(y, x))


def test_configurations_of_addons_are_revived():
    """As Keras 2 wrote them into the configuration of a compiled model."""
    config = {"reduction": "none", "name": "loss", "margin": 0.4, "distance_metric": "angular"}
    loss = keras.losses.deserialize({"class_name": "Addons>TripletSemiHardLoss", "config": config})
    labels, z = np.arange(8) // 2, np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    assert float(loss(labels, z)) == float(tfa.losses.triplet_semihard_loss(labels, z, 0.4, "angular"))
    assert tfa.losses.ContrastiveLoss(reduction="auto").reduction == "sum_over_batch_size"


@pytest.mark.parametrize("loss", [*TRIPLETS, tfa.losses.LiftedStructLoss])
def test_fit_keeps_labels_apart_above_two_to_the_24(loss):
    z, few = np.random.default_rng(0).normal(size=(8, 3)), np.arange(8) % 2
    values = []
    for labels in (few, few + 2**24):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(1.0)])
        model.compile("sgd", loss=loss())
        values.append(model.evaluate(z, labels, batch_size=8, verbose=0))
    assert values[0] == values[1] != model.evaluate(z, 0 * few, batch_size=8, verbose=0)


@pytest.mark.parametrize("name", CLASSES)
def test_functions_and_classes_go_into_compile(name):
    rng = np.random.default_rng(0)
    y = np.eye(4, dtype=int) if "multilabel" in name else np.array([0, 0, 1, 1])
    for loss in (getattr(tfa.losses, name), CLASSES[name]()):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1 if "contrastive" in name else 4)])
        model.compile("sgd", loss=loss)
        y = y[:, None] if "contrastive" in name else y
        history = model.fit(rng.normal(size=(4, 4)), y, epochs=2, verbose=0).history["loss"]
        assert np.isfinite(history).all()


def test_weights_of_samples_multiply_by_their_mean():
    labels, z = np.arange(8) // 2, np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    loss, weights = tfa.losses.TripletHardLoss(), np.linspace(0, 1, 8)
    assert float(loss(labels, z, sample_weight=weights)) == pytest.approx(0.5 * float(loss(labels, z)))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="sparse tensors of TensorFlow")
def test_sparse_labels():
    import tensorflow as tf

    rows, x = np.array([[1, 0], [1, 1], [0, 1]]), np.random.default_rng(0).normal(size=(3, 3))
    expected = float(tfa.losses.npairs_multilabel_loss(rows, x))
    assert float(tfa.losses.npairs_multilabel_loss(tf.sparse.from_dense(rows), x)) == expected


def test_rows_of_labels_are_refused():
    with pytest.raises(ValueError, match=r"Expected y_true to be of shape .*, received: shape \(3, 3\)"):
        tfa.losses.triplet_hard_loss(np.eye(3), np.eye(3))
