import keras
import numpy as np
import oracles
import pytest
from oracles_losses import noise_to_signal as definition

from tfdml.losses import ContrastiveLoss, SignalToNoiseContrastiveLoss
from tfdml.losses.signal_to_noise import noise_to_signal

pytestmark = pytest.mark.backend


def batch(n=18, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, n), rng.normal(size=(n, dim)).astype("float32")


def test_ratio_equals_the_definition():
    _, z = batch()
    ratio = keras.ops.convert_to_numpy(noise_to_signal(z[:7], z[7:] + 3))
    np.testing.assert_allclose(ratio, definition(z[:7], z[7:] + 3), rtol=1e-5)


def test_is_the_contrastive_loss_on_it():
    labels, z = batch()
    loss = SignalToNoiseContrastiveLoss(0.1, 0.9, power=2, average="anchors")
    other = ContrastiveLoss(0.1, 0.9, power=2, distance=noise_to_signal, average="anchors")
    assert float(loss(labels, z)) == float(other(labels, z)) > 0
    assert "distance" not in loss.get_config()


def test_a_constant_embedding_has_no_signal():
    labels, z = np.array([0, 0, 1]), np.array([[7.0] * 4, [1, 2, 3, 4], [0, 1, 0, 1]], "float32")
    value, gradient = oracles.value_and_gradient(lambda x: SignalToNoiseContrastiveLoss()(labels, x), z)
    assert np.isfinite(value) and np.isfinite(gradient).all()
