"""What a run keeps and tells while it trains."""

import sys
import time

import keras
import numpy as np

from tfdml.files import written_whole

BAR = 24  # characters


class Progress(keras.callbacks.Callback):
    """One line an epoch, and a bar that moves where there is a terminal to move it on.

    Args:
        tell: Function called with each line.
        epochs: Epochs of the run.
        steps: Batches of an epoch.
        live: Whether to draw the bar.
    """

    def __init__(self, tell, epochs, steps, live):
        super().__init__()
        self.tell, self.epochs, self.steps = tell, epochs, steps
        self.live = live and sys.stdout.isatty()
        self._drawn = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._began, self._next = epoch, time.monotonic(), 0
        self._draw(0)

    def on_train_batch_end(self, batch, logs=None):
        if time.monotonic() >= self._next:
            self._draw(batch + 1, f"  loss {logs['loss']:.3f}" if logs else "")
            self._next = time.monotonic() + 0.2

    def on_epoch_end(self, epoch, logs=None):
        figures = [f"loss {logs['loss']:.3f}"]
        shown = ("val_accuracy", "accuracy"), ("val_recall@1", "R@1"), ("val_map@r", "MAP@R")
        for name, title in shown:
            if name in logs:
                figures.append(f"{title} {logs[name]:.3f}")
        self._clear()
        self.tell("  ".join([self._name(epoch), *figures, seconds(time.monotonic() - self._began)]))

    def on_train_end(self, logs=None):
        self._clear()

    def _name(self, epoch):
        return f"Epoch {epoch + 1:>{len(str(self.epochs))}}/{self.epochs}"

    def _draw(self, batch, rest=""):
        if not self.live:
            return
        done = BAR * batch // self.steps
        line = f"{self._name(self._epoch)}  {'#' * done}{'.' * (BAR - done)}  {batch}/{self.steps}{rest}"
        print("\r" + line.ljust(self._drawn), end="", flush=True)
        self._drawn = len(line)

    def _clear(self):
        if self._drawn:
            print("\r" + " " * self._drawn + "\r", end="", flush=True)
            self._drawn = 0


def seconds(duration):
    """A duration as a person says it."""
    if duration < 60:
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} min {rest} s"


class BestWeights(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the largest value of a figure, in a file that is always whole.

    The model has them when training ends. Its numbers are plain attributes, which `tfdml.callbacks.Backup`
    saves.

    Args:
        path: Path of the file.
        monitor: Name of the figure in the logs.
        title: What a person calls it.
    """

    def __init__(self, path, monitor, title):
        super().__init__()
        self.path, self.monitor, self.title = path, monitor, title
        self.best, self.best_epoch = None, None

    def on_epoch_end(self, epoch, logs=None):
        value = float(logs[self.monitor])
        if self.best is None or value > self.best:
            with written_whole(self.path) as part:
                self.model.save_weights(part)
            self.best, self.best_epoch = value, epoch

    def on_train_end(self, logs=None):
        if self.best_epoch is not None:
            self.model.load_weights(self.path)


class StopWhereDiverged(keras.callbacks.Callback):
    """Ends a training whose numbers are none any more, before they are measured and saved."""

    def on_epoch_end(self, epoch, logs=None):
        if not all(np.isfinite(values).all() for values in (logs["loss"], *self.model.get_weights())):
            raise ValueError(
                f"Expected the loss and the weights to stay finite, received: NaN or infinity in epoch "
                f"{epoch + 1} (a smaller optimizer.learning_rate may help)"
            )
