"""The state of a training run, saved whole at every epoch."""

import json
import numbers
import shutil
from pathlib import Path

import keras


class Backup(keras.callbacks.Callback):
    """Saves a run at the end of each epoch, so that it can be killed at any moment and go on.

    Beside the weights and the optimiser it keeps the numbers that other callbacks count with (the best
    value and the patience of `EarlyStopping`, `ReduceLROnPlateau`, `ModelCheckpoint`) and the history.
    An epoch's state is a folder that gets its name when it is whole: a kill leaves the one before.
    `keras.callbacks.BackupAndRestore` writes weights and epoch apart, and forgets the callbacks.

    Put it last in `callbacks`, and give `fit` its `epoch` and the batches that were seen:

    Args:
        directory: Where the state is kept. If it holds one, training goes on from there.
        callbacks: The other callbacks of the run.

    Attributes:
        epoch: Epochs that are done, 0 for a new run: the `initial_epoch` of `fit`.
        history: Logs of those epochs, a list of dictionaries with `"epoch"` counted from 0.

    Example:

    >>> emoji = tfdml.data.load("emoji", split="validation")
    >>> model = tfdml.models.embedding_model("small_cnn", dim=8, image_size=64)
    >>> model.compile("adam", loss=tfdml.losses.NTXentLoss())
    >>> backup = tfdml.callbacks.Backup("state")
    >>> steps = emoji.balanced_batches(8, 2).cardinality().numpy()
    >>> batches = emoji.balanced_batches(8, 2, index=False, start_batch=backup.epoch * steps)
    >>> _ = model.fit(batches, epochs=1, initial_epoch=backup.epoch, callbacks=[backup], verbose=0)
    >>> tfdml.callbacks.Backup("state").epoch
    1
    """

    def __init__(self, directory, callbacks=()):
        super().__init__()
        self.directory, self.callbacks = Path(directory), list(callbacks)
        self.epoch, self.history = 0, []
        self._folder = max(self.directory.glob("epoch-[0-9]*"), default=None)
        if self._folder:
            self._state = json.loads((self._folder / "state.json").read_text())
            self.epoch, self.history = self._state["epoch"], self._state["history"]

    def on_train_begin(self, logs=None):
        if not self._folder:
            return
        self.model.optimizer.build(self.model.trainable_variables)
        self.model.load_weights(self._folder / "model.weights.h5")
        for callback, numbers_ in zip(self.callbacks, self._state["callbacks"], strict=True):
            vars(callback).update(numbers_)

    def on_epoch_end(self, epoch, logs=None):
        self.epoch = epoch + 1
        self.history.append({"epoch": epoch, **{k: float(v) for k, v in (logs or {}).items()}})
        state = {"epoch": self.epoch, "history": self.history, "callbacks": [*map(_numbers, self.callbacks)]}
        whole = self.directory / f"epoch-{self.epoch:06d}"
        part = self.directory / f"part-{self.epoch:06d}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        self.model.save_weights(part / "model.weights.h5")
        (part / "state.json").write_text(json.dumps(state))
        part.rename(whole)
        for old in self.directory.glob("epoch-[0-9]*"):
            if old != whole:
                shutil.rmtree(old)


def _numbers(callback):
    """The plain numbers among a callback's attributes: what it counts with."""
    plain = {k: v for k, v in vars(callback).items() if isinstance(v, numbers.Real) or v is None}
    return {k: v if v is None or isinstance(v, (bool, int)) else float(v) for k, v in plain.items()}
