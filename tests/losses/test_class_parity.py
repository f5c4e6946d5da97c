"""Golden values of the class losses of pytorch-metric-learning 2.9 (scripts in fixtures/losses).

Its losses hold their weights; here they are in the layer, and gradients are compared for both.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from keras import ops
from oracles import value_and_gradient

from tfdml import losses
from tfdml.ops import cosine_similarity

pytestmark = pytest.mark.backend

CONTENT = json.loads((Path(__file__).parent.parent / "fixtures" / "losses" / "pml_classes.json").read_text())

OURS = {
    "normalized_softmax": lambda row: losses.NormalizedSoftmaxLoss(row["temperature"]),
    "cos_face": lambda row: losses.CosFaceLoss(row["margin"], row["scale"]),
    "arc_face": lambda row: losses.ArcFaceLoss(np.radians(row["margin"]), row["scale"]),
    "sub_center_arc_face": lambda row: losses.SubCenterArcFaceLoss(np.radians(row["margin"]), row["scale"]),
    "sphere_face": lambda row: losses.SphereFaceLoss(row["margin"], row["scale"]),
    # Its ProxyNCA has the own proxy among those that are told apart: it is ProxyNCA++.
    "proxy_nca": lambda row: losses.ProxyNCAPlusPlusLoss(1 / row["scale"]),
    "proxy_anchor": lambda row: losses.ProxyAnchorLoss(row["margin"], row["scale"]),
    "soft_triple": lambda row: losses.SoftTripleLoss(row["margin"], row["scale"], row["temperature"]),
}


def test_the_fixture_has_them_all():
    assert {row["kind"] for row in CONTENT["rows"]} == OURS.keys()


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(r, id=" ".join(str(r[k]) for k in r if "gradient" not in k and k != "value"))
        for r in CONTENT["rows"]
    ],
)
def test_equals_pytorch_metric_learning(row):
    loss, batch = OURS[row["kind"]](row), CONTENT["batches"][row["batch"]]
    labels, z = np.array(batch["labels"]), np.array(batch["embeddings"], "float32")
    weights = np.array(batch["weights"], "float32")[:, : row["per_class"]]
    weights = weights[:, 0] if row["per_class"] == 1 else weights
    merging = row.get("merging", 0)

    def of(z, weights):
        flat = ops.reshape(weights, (-1, z.shape[1]))
        s = cosine_similarity(z, flat)
        value = loss(
            labels, s if row["per_class"] == 1 else ops.reshape(s, (len(labels), -1, row["per_class"]))
        )
        return value + merging * losses.center_spread(weights) if merging else value

    value, by_weights = value_and_gradient(lambda w: of(ops.convert_to_tensor(z), w), weights)
    _, by_embeddings = value_and_gradient(lambda x: of(x, ops.convert_to_tensor(weights)), z)
    assert value == pytest.approx(row["value"], rel=2e-5, abs=1e-5)
    expected = np.reshape(row["weight_gradient"], weights.shape)
    np.testing.assert_allclose(by_weights, expected, rtol=2e-4, atol=1e-5 * max(1, np.abs(expected).max()))
    if "embedding_gradient" in row:
        expected = np.array(row["embedding_gradient"])
        np.testing.assert_allclose(
            by_embeddings, expected, rtol=2e-4, atol=1e-5 * max(1, np.abs(expected).max())
        )
