"""Golden values of TensorFlow Addons 0.23 and pytorch-metric-learning 2.9 (scripts in fixtures/losses)."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from oracles import value_and_gradient

from tfdml import losses, ops

FIXTURES = Path(__file__).parent.parent / "fixtures" / "losses"
BATCHES = json.loads((FIXTURES / "batches.json").read_text())

pytestmark = pytest.mark.backend


def golden(library, *kinds):
    rows = [row for row in json.loads((FIXTURES / f"{library}.json").read_text()) if row["kind"] in kinds]
    assert rows
    return [
        pytest.param(row, id=" ".join(str(row[key]) for key in row if key not in ("value", "gradient")))
        for row in rows
    ]


def batch_of(row):
    batch = BATCHES[row["batch"]]
    return np.array(batch["labels"]), np.array(batch["embeddings"], "float32")


def assert_equals(loss, row):
    labels, z = batch_of(row)
    value, gradient = value_and_gradient(lambda x: loss(labels, x), z)
    assert value == pytest.approx(row["value"], rel=1e-5, abs=1e-6)
    if "gradient" in row:
        np.testing.assert_allclose(gradient, row["gradient"], rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("row", golden("tfa", "semi_hard", "hard"))
def test_mined_triplets_equal_addons(row):
    loss = losses.TripletLoss(row["margin"], row["distance"], mining=row["kind"])
    if np.isinf(row["value"]):  # Addons overflows in log1p(exp(gap))
        assert 80 < float(loss(*batch_of(row))) < 100
        return
    assert float(loss(*batch_of(row))) == pytest.approx(row["value"], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("row", golden("tfa", "n_pair"))
def test_n_pair_equals_addons_on_anchors_and_positives(row):
    labels, z = batch_of(row)
    half = len(z) // 2
    y = np.arange(half) if row["labels"] == "distinct" else labels[:half]
    values = losses.NPairLoss().query_losses(z[:half], y, z[half : 2 * half], y)
    assert float(keras.ops.mean(values)) == pytest.approx(row["value"], rel=1e-5)


@pytest.mark.parametrize("row", golden("tfa", "contrastive"))
def test_contrastive_equals_addons(row):
    """Its mean over all ordered pairs, from the class; and pair by pair, from the distances."""
    labels, z = batch_of(row)
    loss = losses.ContrastiveLoss(0, row["margin"], power=2, average="terms")
    assert float(loss(labels, z)) == pytest.approx(row["value"], rel=1e-5)

    i, j = np.nonzero(~np.eye(len(z), dtype=bool))
    pairs = losses.contrastive(
        np.linalg.norm(z[i] - z[j], axis=1), labels[i] == labels[j], negative_margin=row["margin"]
    )
    assert float(keras.ops.mean(pairs)) == pytest.approx(row["value"], rel=1e-5)


@pytest.mark.parametrize("row", golden("pml", "all"))
def test_all_triplets_equal_pytorch_metric_learning(row):
    assert_equals(losses.TripletLoss(row["margin"], row["distance"], average=row["average"]), row)


@pytest.mark.parametrize("row", golden("pml", "contrastive"))
def test_contrastive_equals_pytorch_metric_learning(row):
    assert_equals(losses.ContrastiveLoss(*row["margins"]), row)


@pytest.mark.parametrize("row", golden("pml", "nt_xent"))
def test_nt_xent_equals_pytorch_metric_learning(row):
    assert_equals(losses.NTXentLoss(row["temperature"]), row)


@pytest.mark.parametrize("row", golden("pml", "n_pair"))
def test_n_pair_equals_pytorch_metric_learning_on_its_choice_of_pairs(row):
    """It takes the first two samples of each label, as anchor and positive."""
    _, z = batch_of(row)
    similarity = ops.dot_product(z[::2], z[1::2])
    same = np.eye(len(z) // 2, dtype=bool)
    assert float(keras.ops.mean(losses.n_pair(similarity, same, ~same))) == pytest.approx(
        row["value"], rel=1e-5
    )
