"""NNGK as the public re-implementation LukeDitria/OpenGAN computes it."""

from pathlib import Path

import numpy as np
import pytest
from keras import ops
from oracles import value_and_gradient

from tfdml.layers import NNGKClassifier
from tfdml.search import Exact

FOUND = dict(np.load(Path(__file__).parents[1] / "fixtures" / "layers" / "opengan.npz"))


@pytest.mark.backend
@pytest.mark.parametrize("sigma", [0.7, 10.0])
@pytest.mark.parametrize("k", [1, 12, 48])
def test_log_probabilities_and_gradients(sigma, k):
    # Neighbours in training are those of a table, as there.
    options = {"neighbors": k, "bandwidth": sigma, "search": Exact()}
    layer = NNGKClassifier(6, capacity=48, activation=None, **options)
    layer.build((None, 5))
    layer.set_centers(FOUND["centers"], FOUND["labels"])
    layer.write(np.arange(48), log_weights=FOUND["log_weights"])

    def compare(kind, logits):
        theirs = FOUND[f"{kind}/{sigma}/{k}"]
        ours = ops.convert_to_numpy(ops.log_softmax(logits))
        voted = abs(ours + 23) > 1e-3
        np.testing.assert_allclose(ours[voted], theirs[voted], atol=2e-4)
        # A class without votes has 1e-10 of all votes, and there 1e-10, before it normalises.
        assert theirs[~voted].max(initial=-20) < -10
        return voted

    compare("infer", layer(FOUND["queries"]))
    own = np.arange(0, 48, 3)
    moved, labels = FOUND["centers"][own] + np.float32(0.05), FOUND["labels"][own]
    voted = compare("train", layer(moved, index=own, training=True))[np.arange(16), labels]

    def loss(z):
        logs = ops.log_softmax(layer(z, index=own, training=True))
        return -ops.sum(logs * ops.one_hot(labels, 6))

    _, gradient = value_and_gradient(loss, moved)
    theirs = FOUND[f"gradient/{sigma}/{k}"]
    np.testing.assert_allclose(gradient[voted], theirs[voted], rtol=1e-3, atol=1e-4)
