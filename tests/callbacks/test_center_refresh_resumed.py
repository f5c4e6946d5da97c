"""A training with CenterRefresh that is interrupted and goes on."""

import keras
import numpy as np
import pytest
from center_models import BATCHES, INDEX, build, fit
from keras import ops

from tfdml.callbacks import Backup, CenterRefresh

as_numpy = ops.convert_to_numpy
tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")


class Interrupt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.at:
            raise KeyboardInterrupt


@tensorflow_only
@pytest.mark.parametrize(
    ("first", "every", "arguments"),
    [(True, 1, {}), (False, 2, {}), (True, 2, {"centers": "loose", "bandwidth": "learned"})],
    ids=str,
)
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, first, arguments, every):
    """By Keras' own `BackupAndRestore`, on either side in the list of callbacks."""

    def train(folder, seed, *more):
        model, _, layer = build(seed=seed, **arguments)
        both = [CenterRefresh(BATCHES, every=every), keras.callbacks.BackupAndRestore(tmp_path / folder)]
        fit(model, [*(both if first else both[::-1]), *more], epochs=5)
        return model, layer

    whole, _ = train("whole", 0)
    with pytest.raises(KeyboardInterrupt):
        train("parts", 0, Interrupt(3))
    model, layer = train("parts", 7)
    assert np.isin(INDEX, np.flatnonzero(as_numpy(layer.active))).all()
    compare(model, whole)


def compare(model, whole):
    for ours, theirs in zip(model.variables, whole.variables, strict=True):
        if "seed" not in ours.path:
            np.testing.assert_allclose(
                as_numpy(ours), as_numpy(theirs), rtol=1e-4, atol=1e-5, err_msg=ours.path
            )


@tensorflow_only
def test_our_backup_resumes_the_figures_too(tmp_path):
    def train(folder, seed, epochs):
        model, _, _ = build(seed=seed)
        refresh = CenterRefresh(BATCHES, every=2)
        backup = Backup(tmp_path / folder, [refresh])
        fit(model, [refresh, backup], epochs=epochs, initial_epoch=backup.epoch)
        return model, Backup(tmp_path / folder, [refresh]).history

    whole, history = train("whole", 0, 4)
    train("parts", 0, 3)
    model, resumed = train("parts", 7, 4)
    compare(model, whole)
    for ours, theirs in zip(resumed, history, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-4)
