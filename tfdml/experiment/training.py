"""`tfdml train`: a recipe in, a run folder out, whatever happens in between."""

import keras
import numpy as np

from tfdml.callbacks import Backup
from tfdml.experiment import building
from tfdml.experiment.classifier import save_classifier, trained_classifier
from tfdml.experiment.datasets import open_data, split_of
from tfdml.experiment.evaluation import Trial
from tfdml.experiment.finishing import finish, places
from tfdml.experiment.heads import build_learner, classifies
from tfdml.experiment.monitoring import knows_classes, monitors_of, refreshes_of
from tfdml.experiment.progress import Progress, StopWhereDiverged
from tfdml.experiment.recipe_checks import CLASSIFIED
from tfdml.experiment.run_folder import RunFolder, check_free


def train(recipe, recipe_text, out, note=print, verbose="auto"):
    """Trains, evaluates and reports.

    Args:
        recipe: A `Recipe`, from `tfdml.experiment.load_recipe`.
        recipe_text: The same as YAML, kept in the run folder.
        out: Path of the run folder, which must not exist or be empty.
        note: Function called with each sentence that the user should know. Defaults to `print`.
        verbose: What is told of the epochs: `0` nothing, `2` a line each, `1` or `"auto"` a bar that moves
            too, where there is a terminal. Defaults to `"auto"`.

    Returns:
        The `RunFolder`.

    Raises:
        ValueError: The recipe cannot be carried out; the message names the field.
    """
    check_free(out)
    notes = _Notes(note)
    opened = open_data(recipe, notes)
    _check(recipe, opened[1])
    networks = _build(recipe, opened[1])  # before there is a folder: what is wrong with it leaves none
    run = RunFolder.create(out, recipe_text)
    _keep_split(run, recipe, opened)
    notes.tell(f"Run folder: {run.path}")
    return _train(run, recipe, opened, networks, notes, verbose)


def resume(path, note=print, verbose="auto"):
    """Goes on with a run that was interrupted, and ends where it would have ended.

    Args:
        path: Path of its folder.
        note, verbose: As in `train`.

    Returns:
        The `RunFolder`.

    Raises:
        ValueError: There is no run, or its data or recipe have changed.
    """
    run = RunFolder.open(path)
    if run.report.is_file() and not run.state.exists():
        note(f"{run.path} is complete: there is nothing left to do.")
        return run
    run.tidy()
    notes = _Notes(note)
    recipe, _ = run.load_recipe()
    opened = open_data(recipe, notes, run.read_split())
    _keep_split(run, recipe, opened)
    networks = None if run.model.is_file() else _build(recipe, opened[1])
    return _train(run, recipe, opened, networks, notes, verbose)


def _build(recipe, splits):
    """The network, and what `fit` takes: the same, or with a head behind it."""
    model, train = building.build_model(recipe), splits.train
    return model, build_learner(recipe, model, train.num_classes, len(train))


def _keep_split(run, recipe, opened):
    split = split_of(recipe, *opened)
    if split and not run.split.is_file():
        run.write_json(run.split, split)


def _train(run, recipe, opened, networks, notes, verbose):
    whole, splits = opened
    building.batch_shape(recipe.sampler, splits.train, notes)
    if not Trial.of(splits, "validation").possible:
        notes("Nothing is measured while training: too few pictures are held for validation.")
    elif recipe.train_on == "trainval":
        notes("Validation images are trained on too: their figures tell nothing of unseen classes.")
    if not run.model.is_file():
        _fit(run, recipe, *networks, splits, notes, verbose)
        _save(run, recipe, *networks, whole, splits.train)
    finish(run, recipe, whole, splits, notes)
    run.forget_state()
    return run


def _save(run, recipe, model, learner, whole, train):
    """Writes what was trained; the network last, as a run that has it is not trained any further."""
    if classifies(recipe):
        names = building.numbered(train).class_names
        save_classifier(run.path, trained_classifier(model, learner.layers[-1], names, places(whole, train)))
    run.save_model(model)


def _fit(run, recipe, model, learner, splits, notes, verbose):
    monitors, rivals = monitors_of(run, recipe, model, learner, splits)
    refreshes = refreshes_of(recipe, learner, splits)
    backup = Backup(run.state, [*monitors, *recipe.callbacks, *rivals, *refreshes])
    batches, steps = building.training_batches(recipe, splits.train, backup.epoch, learner)
    learner.compile(building.scheduled(recipe.optimizer, recipe.schedule, steps), loss=recipe.loss)
    backup.restore(learner)  # also before the others begin: centers that are there are not stored anew
    epochs = recipe.schedule.epochs
    notes.tell(
        f"Training on {len(splits.train)} images of {splits.train.num_classes} classes, "
        f"validating on {len(splits.validation)} of {splits.validation.num_classes}, "
        f"testing on {len(splits.test)} of {splits.test.num_classes}; {steps} batches an epoch"
        + (f", going on after epoch {backup.epoch}." if backup.epoch else ".")
    )
    run.state.mkdir(exist_ok=True)
    run.write_history(backup.history)
    if backup.finished:
        epochs = backup.epoch  # no epoch is left, but what callbacks do at the end
    progress = [Progress(notes.tell, epochs, steps, live=verbose != 2)] if verbose else []
    learner.fit(
        batches,
        epochs=epochs,
        initial_epoch=backup.epoch,
        steps_per_epoch=recipe.schedule.steps_per_epoch,
        callbacks=[
            StopWhereDiverged(),
            *monitors,  # before those that read what they write
            *progress,
            *recipe.callbacks,
            *rivals,
            *refreshes,  # the last centers are those of the weights that are kept
            keras.callbacks.TensorBoard(run.logs, write_graph=False),
            backup,  # what it saved is what was done
            keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: run.write_history(backup.history)),
        ],
        shuffle=False,
        verbose=0,
    )
    for best in rivals:
        notes.tell(
            f"Kept the weights of epoch {best.best_epoch + 1}, the best on validation: "
            f"{best.title} {best.best:.3f}."
        )


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
    monitored = [str(getattr(callback, "monitor", "")) for callback in recipe.callbacks]
    if any(name.startswith("val_") for name in monitored) and not Trial.of(splits, "validation").possible:
        raise ValueError(
            f"Expected callbacks.monitor to be loss, as too few pictures of {recipe.data} are held for "
            f"validation, received: {', '.join(monitored)}"
        )
    if set(CLASSIFIED) & set(monitored) and not knows_classes(recipe, splits):
        raise ValueError(
            "Expected callbacks.monitor to be a figure of retrieval, as no classifier here knows the "
            f"validation classes, received: {', '.join(monitored)}"
        )


class _Notes(list):
    """What the user should know: told at once, and kept for the report. `tell` keeps nothing."""

    def __init__(self, tell):
        super().__init__()
        self.tell = tell

    def __call__(self, sentence):
        self.append(sentence)
        self.tell(sentence)
