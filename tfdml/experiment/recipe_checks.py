"""What a recipe may not say: values out of range, and fields that do not go with one another."""

import keras

from tfdml.experiment.heads import check_head

# The first two are those of a classifier.
CLASSIFIED = "val_accuracy", "val_top5_accuracy"
MEASURED = *CLASSIFIED, "val_precision@1", "val_r_precision", "val_map@r", "val_map", "val_mrr", "val_ndcg"


def check_recipe(recipe):
    """Raises ValueError, with the field by name, where a value is out of range or at odds with another."""
    rate = recipe.optimizer.get_config().get("learning_rate")
    for name, value, least in (
        ("image_size", recipe.image_size, 8),
        ("seed", recipe.seed, 0),
        ("embedding.dim", recipe.embedding.dim, 1),
        ("sampler.classes_per_batch", recipe.sampler.classes_per_batch, 2),
        ("sampler.images_per_class", recipe.sampler.images_per_class, 2),
        ("schedule.epochs", recipe.schedule.epochs, 1),
        ("schedule.steps_per_epoch", recipe.schedule.steps_per_epoch, 1),
        ("schedule.warmup_epochs", recipe.schedule.warmup_epochs, 0),
        ("schedule.refresh_every", recipe.schedule.refresh_every, 1),
        ("evaluation.every", recipe.evaluation.every, 1),
        *(("evaluation.recall_at", k, 1) for k in recipe.evaluation.recall_at or [0]),
    ):
        if value is not None and not value >= least:
            raise ValueError(f"Expected {name} to be {least} or more, received: {value}")
    for name, value, most in (
        ("seed", recipe.seed, 2**32 - 1),
        ("schedule.warmup_epochs", recipe.schedule.warmup_epochs, recipe.schedule.epochs),
    ):
        if value > most:
            raise ValueError(f"Expected {name} to be {most} or less, received: {value}")
    moves = recipe.schedule.decay != "constant" or recipe.schedule.warmup_epochs
    if moves and not isinstance(rate, float | int):
        raise ValueError(
            f"Expected optimizer.learning_rate to be a number, as schedule moves it, received: {rate}"
        )
    if isinstance(rate, float | int) and not 0 < rate < float("inf"):
        raise ValueError(f"Expected optimizer.learning_rate to be a finite number above 0, received: {rate}")
    check_head(recipe)
    for callback in recipe.callbacks:
        _check_callback(callback, recipe.schedule)


def _check_callback(callback, schedule):
    """Finds at the start what Keras would find at the end of the first epoch, or not at all."""
    name = type(callback).__name__
    moves = isinstance(callback, keras.callbacks.ReduceLROnPlateau | keras.callbacks.LearningRateScheduler)
    if moves and (schedule.decay != "constant" or schedule.warmup_epochs):
        raise ValueError(
            f"Expected schedule.decay to be constant and schedule.warmup_epochs 0 beside {name}, which "
            f"moves the learning rate too, received: {schedule.decay}, {schedule.warmup_epochs}"
        )
    monitor = str(getattr(callback, "monitor", "loss"))
    if monitor.startswith("val_") and monitor not in MEASURED and "recall@" not in monitor:
        raise ValueError(
            f"Expected callbacks.monitor of {name} to be loss, val_recall@K or one of "
            f"{', '.join(MEASURED)}, received: {monitor}"
        )
    if monitor.startswith("val_") and getattr(callback, "mode", "max") == "auto":
        raise ValueError(f"Expected callbacks.mode of {name} to be max for {monitor}, received: auto")
