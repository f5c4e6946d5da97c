"""Golden values of TensorFlow Addons 0.23 and pytorch-metric-learning 2.9 (scripts in fixtures/losses)."""

import json
from functools import partial
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


# Kinds of rows, what stands for them here, and how near its values are.
PAIR_LOSSES = {
    "angular": (losses.AngularLoss, 1e-5),
    "circle": (losses.CircleLoss, 1e-5),
    "fast_ap": (losses.FastAPLoss, 1e-5),
    "generalized_lifted": (partial(losses.GeneralizedLiftedStructureLoss, temperature=1.0), 1e-5),
    "intra_pair_variance": (losses.IntraPairVarianceLoss, 1e-5),
    "lifted": (partial(losses.LiftedStructureLoss, temperature=1.0), 1e-5),
    "margin": (losses.MarginLoss, 1e-5),
    "multi_similarity": (losses.MultiSimilarityLoss, 1e-5),
    "ranked_list": (losses.RankedListLoss, 2e-4),  # there 1e-5 a key is added to what weights are divided by
    "signal_to_noise": (losses.SignalToNoiseContrastiveLoss, 1e-5),
    "soft_nearest_neighbor": (losses.SoftNearestNeighborLoss, 1e-5),
    "supervised_contrastive": (losses.SupervisedContrastiveLoss, 1e-5),
    "tuplet_margin": (losses.TupletMarginLoss, 1e-5),
}
# It normalises what these read from distances of any embeddings.
NORMALISED = {"ranked_list", "signal_to_noise", "soft_nearest_neighbor"}


# Where classes differ in size, anchors with more triplets count more there; and anchors without a positive or
# without a negative have a generalised lifted structure loss.
DIFFERENT = {("margin", "wide"), ("margin", "lone"), ("generalized_lifted", "lone")}


@pytest.mark.parametrize("row", golden("pml", *PAIR_LOSSES))
def test_pair_losses_equal_pytorch_metric_learning(row):
    kind, (labels, z) = row["kind"], batch_of(row)
    make, tolerance = PAIR_LOSSES[kind]
    loss = make(**{k: v for k, v in row.items() if k not in ("kind", "batch", "value", "gradient")})
    value, gradient = value_and_gradient(
        lambda x: loss(labels, keras.ops.normalize(x, axis=1) if kind in NORMALISED else x), z
    )
    same = value == pytest.approx(row["value"], rel=tolerance)
    assert same is ((kind, row["batch"]) not in DIFFERENT)
    if "gradient" in row:
        np.testing.assert_allclose(gradient, row["gradient"], atol=tolerance * np.abs(gradient).max())


@pytest.mark.parametrize("row", golden("pml", "margin_drawn"))
def test_margin_is_the_mean_of_its_draws(row):
    """Over thousands of draws of negatives by distance, as a ratio of means."""
    assert float(losses.MarginLoss(nearest=0.5)(*batch_of(row))) == pytest.approx(row["value"], rel=2e-3)


@pytest.mark.parametrize("row", golden("pml", "smooth_ap"))
def test_smooth_ap_equals_pytorch_metric_learning_with_the_query_in_its_own_ranking(row):
    """On four classes of four: it is right only where classes are as many as samples of each."""
    labels, z = (x[:16] for x in batch_of(row))

    def itself_among_its_positives(x):
        return keras.ops.mean(losses.SmoothAPLoss(row["temperature"]).query_losses(x, labels, x, labels))

    value, gradient = value_and_gradient(itself_among_its_positives, z)
    assert value == pytest.approx(row["value"], rel=1e-5)
    np.testing.assert_allclose(gradient, row["gradient"], atol=1e-4 * np.abs(gradient).max())
