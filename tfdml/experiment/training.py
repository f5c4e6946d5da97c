"""`tfdml train`: a recipe in, a run folder out, whatever happens in between."""

import keras
import numpy as np

from tfdml.callbacks import Backup, RetrievalEvaluation
from tfdml.experiment import building
from tfdml.experiment.datasets import open_data
from tfdml.experiment.evaluation import Trial
from tfdml.experiment.finishing import finish
from tfdml.experiment.run_folder import RunFolder

BEST = "best.weights.h5"
MONITOR = "val_map@r"


def train(recipe, recipe_text, out, note=print, verbose="auto"):
    """Trains, evaluates and reports.

    Args:
        recipe: A `Recipe`, from `tfdml.experiment.load_recipe`.
        recipe_text: The same as YAML, kept in the run folder.
        out: Path of the run folder, which must not exist or be empty.
        note: Function called with each sentence that the user should know. Defaults to `print`.
        verbose: As in `keras.Model.fit`. Defaults to `"auto"`.

    Returns:
        The `RunFolder`.

    Raises:
        ValueError: The recipe cannot be carried out; the message names the field.
    """
    notes = _Notes(note)
    opened = open_data(recipe, notes)
    _check(recipe, opened[1])
    return _train(RunFolder.create(out, recipe_text), recipe, opened, notes, verbose)


def resume(path, note=print, verbose="auto"):
    """Goes on with a run that was interrupted, and ends where it would have ended.

    Args:
        path: Path of its folder.
        note, verbose: As in `train`.

    Returns:
        The `RunFolder`.
    """
    run = RunFolder.open(path)
    notes = _Notes(note)
    if run.report.is_file() and not run.state.exists():
        notes(f"{run.path} is complete: there is nothing left to do.")
        return run
    recipe, _ = run.load_recipe()
    return _train(run, recipe, open_data(recipe, notes), notes, verbose)


def _train(run, recipe, opened, notes, verbose):
    whole, splits = opened
    if not run.model.is_file():
        model = building.build_model(recipe)
        _fit(run, recipe, model, splits, notes, verbose)
        run.save_model(model)
    finish(run, recipe, whole, splits, notes)
    run.forget_state()
    return run


def _fit(run, recipe, model, splits, notes, verbose):
    monitors, rivals = _callbacks(run, recipe, splits, notes)
    backup = Backup(run.state, [*monitors, *rivals, *recipe.callbacks])
    batches, steps = building.training_batches(recipe, splits.train, backup.epoch, notes)
    model.compile(building.scheduled(recipe.optimizer, recipe.schedule, steps), loss=recipe.loss)
    if backup.epoch:
        notes(f"Going on after epoch {backup.epoch} of {recipe.schedule.epochs}.")
    run.write_history(backup.history)
    run.state.mkdir(exist_ok=True)
    model.fit(
        batches,
        epochs=recipe.schedule.epochs,
        initial_epoch=backup.epoch,
        callbacks=[
            *monitors,  # first: they write what the others read
            *recipe.callbacks,
            *rivals,
            keras.callbacks.CSVLogger(run.history, append=True),
            keras.callbacks.TensorBoard(run.logs, write_graph=False),
            backup,  # last: what it saved is what was done
        ],
        shuffle=False,
        verbose=verbose,
    )
    if (run.state / BEST).is_file():
        model.load_weights(run.state / BEST)


def _callbacks(run, recipe, splits, notes):
    """The callback that measures while training, and the one that keeps the best weights."""
    trial = Trial.of(splits, "validation")
    if not trial.possible:
        notes("Nothing is measured while training: too few pictures are held for validation.")
        return [], []
    gallery = None
    if trial.gallery is not None:
        gallery = trial.gallery.ordered_batches(image_size=recipe.image_size, index=False)
    evaluation = RetrievalEvaluation(
        trial.queries.ordered_batches(image_size=recipe.image_size, index=False),
        gallery=gallery,
        every=recipe.evaluation.every,
        recall_at=recipe.evaluation.recall_at,
    )
    if recipe.evaluation.keep == "last":
        return [evaluation], []
    best = keras.callbacks.ModelCheckpoint(
        run.state / BEST, monitor=MONITOR, mode="max", save_best_only=True, save_weights_only=True
    )
    return [evaluation], [best]


def _check(recipe, splits):
    """Finds before training what would stop the evaluation after it."""
    if not Trial.of(splits).possible:
        raise ValueError(
            f"Expected {recipe.data} to hold two pictures or more of a class to test on, "
            f"received: {len(splits.test)} pictures of {splits.test.num_classes} classes held out"
        )
    if np.bincount(splits.train.labels).max() < 2 or splits.train.num_classes < 2:
        raise ValueError(
            f"Expected {recipe.data} to leave two classes or more, with two pictures or more, to train on, "
            f"received: {len(splits.train)} pictures of {splits.train.num_classes} classes"
        )


class _Notes(list):
    """What the user should know: told at once, and kept for the report."""

    def __init__(self, tell):
        super().__init__()
        self.tell = tell

    def __call__(self, sentence):
        self.append(sentence)
        self.tell(sentence)
