"""What a training run leaves: the names of its files, and how they are written and read."""

import csv
import json
import platform
import shutil
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zipfile import BadZipFile

import keras

from tfdml.experiment.recipe_parser import load_recipe
from tfdml.files import remove_parts, written_whole

_PACKAGES = ("tfdml", "keras", "tensorflow", "numpy", "h5py", "opencv-python-headless", "scikit-learn")


class RunFolder:
    """The folder of one run.

    Attributes:
        recipe: `recipe.yaml`, the whole recipe as it was resolved.
        environment: `environment.json`, the versions of Python and of the packages, backend and precision.
        split: `split.json`, which of a user's own pictures were trained on and which were held out.
        state: `state/`, what an interrupted training goes on from; gone when the run is complete.
        model: `model.keras`, the trained network.
        classifier: `classifier.keras`, the network and its head, where a classifier was trained.
        classes: `classifier.json`, the names of its classes, and which pictures its centers are.
        versions: `versions/`, the classifiers before and after changes to its classes.
        gallery: `gallery.npz`, the embeddings that a search looks through.
        history: `metrics.csv`, a row an epoch.
        metrics: `metrics.json`, what the report's table shows.
        logs: `logs/`, for TensorBoard.
        report: `report.html`.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.recipe = self.path / "recipe.yaml"
        self.environment = self.path / "environment.json"
        self.split = self.path / "split.json"
        self.state = self.path / "state"
        self.model = self.path / "model.keras"
        self.classifier = self.path / "classifier.keras"
        self.classes = self.path / "classifier.json"
        self.versions = self.path / "versions"
        self.gallery = self.path / "gallery.npz"
        self.history = self.path / "metrics.csv"
        self.metrics = self.path / "metrics.json"
        self.logs = self.path / "logs"
        self.report = self.path / "report.html"

    @classmethod
    def create(cls, path, recipe_text):
        """A new run folder, with its recipe and the versions that it runs on.

        Raises:
            ValueError: There is something at `path`.
        """
        check_free(path)
        run = cls(path)
        new = not run.path.exists()
        environment = {"python": platform.python_version(), "system": platform.platform()}
        for package in _PACKAGES:
            try:
                environment[package] = version(package)
            except PackageNotFoundError:  # OpenCV has more than one name
                continue
        environment.update(backend=keras.backend.backend(), precision=keras.config.dtype_policy().name)
        try:
            run.write_json(run.environment, environment)
            with written_whole(run.recipe) as part:  # last: with it, it is a run that can be resumed
                part.write_text(recipe_text, encoding="utf-8")
        except BaseException:
            with suppress(OSError):  # the error to tell is the first
                run.environment.unlink(missing_ok=True)
                if new:
                    run.path.rmdir()
            raise
        return run

    @classmethod
    def open(cls, path):
        """The run at `path`.

        Raises:
            ValueError: There is none.
        """
        run = cls(path)
        for file in (run.recipe, run.environment):
            if not file.is_file():
                raise ValueError(
                    f"Expected run to be the folder of a run, received: {path} (it has no {file.name})"
                )
        return run

    def load_recipe(self):
        """The run's `Recipe`, and its text."""
        recipe, _ = load_recipe(self.recipe)
        return recipe, self.recipe.read_text(encoding="utf-8")

    def load_model(self):
        """The trained network.

        Raises:
            ValueError: Training has not ended.
        """
        if not self.model.is_file():
            raise ValueError(
                f"Expected run to hold a trained model, received: {self.path} (it has no model.keras; "
                f"tfdml train --resume {self.path} goes on with its training)"
            )
        return self.load(self.model)

    def load(self, file):
        """The Keras model in a file of the folder, not compiled."""
        try:
            return keras.saving.load_model(file, compile=False)
        except (KeyError, TypeError, RuntimeError, BadZipFile) as error:
            raise ValueError(f"Expected {file} to be a saved model, received: {error}") from error

    def save_model(self, model):
        """Writes the network whole or not at all."""
        with written_whole(self.model) as part:
            model.save(part)

    def write_history(self, rows):
        """Writes the rows of the epochs that are done."""
        names = dict.fromkeys(name for row in rows for name in row)
        with written_whole(self.history) as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows(rows)

    def read_history(self):
        """The rows of `metrics.csv`, as numbers."""
        if not self.history.is_file():
            return []
        with self.history.open(newline="", encoding="utf-8") as file:
            return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]

    def read_split(self):
        """What `split.json` holds, or `None` where there is no such file: the data has its own split."""
        return json.loads(self.split.read_text(encoding="utf-8")) if self.split.is_file() else None

    def read_threshold(self):
        """The distance within which two pictures are of one class, as calibrated; `None` where it was not."""
        if not self.metrics.is_file():
            return None
        calibrated = json.loads(self.metrics.read_text(encoding="utf-8")).get("threshold")
        return calibrated and calibrated["threshold"]

    def write_json(self, path, value):
        """Writes a JSON file whole or not at all."""
        with written_whole(path) as part:
            part.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")

    def forget_state(self):
        """Removes what only an interrupted run needs."""
        shutil.rmtree(self.state, ignore_errors=True)

    def tidy(self):
        """Removes what a process that was killed had begun to write."""
        remove_parts(self.path)
        remove_parts(self.state)
        remove_parts(self.versions)


def check_free(path):
    """Raises ValueError if there is something at `path` that is no empty folder."""
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(
            f"Expected out to be a new or empty folder, received: {path} "
            "(--resume goes on with a run that was interrupted)"
        )


def next_free(folder):
    """`folder`, or the first of `folder-2`, `folder-3`, ... that does not exist."""
    folder, number = Path(folder), 2
    free = folder
    while free.exists():
        free, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return free
