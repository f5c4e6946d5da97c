"""The state of a training run, saved whole at every epoch."""

import json
import shutil
import warnings
from pathlib import Path

import keras
import numpy as np

WEIGHTS, STATE, ARRAYS = "model.weights.h5", "state.json", "callbacks.npz"
_NUMBERS = (bool, int, float, np.bool_, np.number)


class Backup(keras.callbacks.Callback):
    """Saves a run at the end of each epoch, so that it can be killed at any moment and go on.

    Beside the weights and the optimiser it keeps what other callbacks count with (the best value, the
    patience and the best weights of `EarlyStopping`, `ReduceLROnPlateau`, `ModelCheckpoint`) and the history.
    An epoch's state is a folder that gets its name when it is whole: a kill leaves the one before.
    `keras.callbacks.BackupAndRestore` writes weights and epoch apart, and forgets the callbacks.

    Put it last in `callbacks`, and give `fit` its `epoch` and the batches that were not seen yet. Where
    `finished`, another callback ended the training: there is nothing left to fit, and `restore` gives a
    compiled model its weights.

    Args:
        directory: Where the state is kept. If it holds one, training goes on from there.
        callbacks: The other callbacks of the run, in the same order each time.

    Attributes:
        epoch: Epochs that are done, 0 for a new run: the `initial_epoch` of `fit`.
        finished: Whether a callback such as `EarlyStopping` ended the training.
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
        self.epoch, self.finished, self.history = 0, False, []
        if folder := self._latest():
            state = _read(folder)
            self.epoch, self.finished, self.history = state["epoch"], state["finished"], state["history"]

    def on_train_begin(self, logs=None):
        self.restore(self.model)

    def restore(self, model):
        """Gives a compiled model and the callbacks what was saved, if anything was.

        Raises:
            ValueError: It was saved of another model, or with other callbacks.
        """
        folder = self._latest()
        if not folder:
            return
        state = _read(folder)
        names = ", ".join(type(callback).__name__ for callback in self.callbacks) or "none"
        saved = ", ".join(entry["name"] for entry in state["callbacks"]) or "none"
        if names != saved:
            raise ValueError(
                f"Expected callbacks to be those of the state in {folder} ({saved}), received: {names}"
            )
        model.optimizer.build(model.trainable_variables)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)  # Keras warns of what it leaves as it is
                model.load_weights(folder / WEIGHTS)
        except (ValueError, KeyError, OSError, UserWarning) as error:
            raise ValueError(f"Expected {folder} to be the state of this model, received: {error}") from error
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            for place, (callback, entry) in enumerate(zip(self.callbacks, state["callbacks"], strict=True)):
                vars(callback).update(entry["numbers"])
                for name, count in entry["arrays"].items():
                    setattr(callback, name, [arrays[f"{place}/{name}/{i}"] for i in range(count)])

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch, **{k: float(v) for k, v in (logs or {}).items()}}
        state = {
            "epoch": epoch + 1,
            "finished": bool(self.model.stop_training),
            "history": [*self.history, row],
            "callbacks": [_counted(callback) for callback in self.callbacks],
        }
        arrays = {
            f"{place}/{name}/{i}": array
            for place, callback in enumerate(self.callbacks)
            for name, values in _arrays(callback).items()
            for i, array in enumerate(values)
        }
        whole = self.directory / f"epoch-{epoch + 1:06d}"
        part = self.directory / f"part-{epoch + 1:06d}"
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            self.model.save_weights(part / WEIGHTS)
            np.savez(part / ARRAYS, **arrays)
            (part / STATE).write_text(json.dumps(state), encoding="utf-8")
            shutil.rmtree(whole, ignore_errors=True)  # of an earlier training that nobody goes on with
            part.rename(whole)
        except (OSError, RuntimeError) as error:  # HDF5 tells of a full disk by either
            shutil.rmtree(part, ignore_errors=True)
            why = getattr(error, "strerror", None) or error
            raise OSError(f"Cannot save the training state in {self.directory}: {why}") from error
        for old in self.directory.glob("epoch-[0-9]*"):
            if old != whole:
                shutil.rmtree(old)
        self.epoch, self.finished, self.history = state["epoch"], state["finished"], state["history"]

    def _latest(self):
        return max(self.directory.glob("epoch-[0-9]*"), default=None)


def _read(folder):
    try:
        return json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"Expected {folder} to be a saved training state, received: {error}") from error


def _counted(callback):
    """A callback's name, its plain numbers (what it counts with), and how long its lists of arrays are."""
    # Keras turns the sign of `min_delta` once an instance, whatever was restored before.
    plain = {
        name: value
        for name, value in vars(callback).items()
        if (value is None or isinstance(value, _NUMBERS)) and name != "min_delta"
    }
    return {
        "name": type(callback).__name__,
        "numbers": {k: v.item() if isinstance(v, np.generic) else v for k, v in plain.items()},
        "arrays": {name: len(values) for name, values in _arrays(callback).items()},
    }


def _arrays(callback):
    """A callback's lists of arrays, such as the weights that it will give back at the end."""
    return {
        name: values
        for name, values in vars(callback).items()
        if isinstance(values, list) and values and all(isinstance(value, np.ndarray) for value in values)
    }
