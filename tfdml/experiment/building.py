"""From a recipe to what `fit` takes: network, optimiser and batches."""

import keras
import numpy as np

from tfdml import models
from tfdml.data import ImageSet


def build_model(recipe):
    """The network of a recipe with its first weights, which the recipe's seed decides."""
    keras.utils.set_random_seed(recipe.seed)
    backbone = models.backbone(
        recipe.backbone.name, recipe.backbone.weights, recipe.image_size, recipe.backbone.freeze
    )
    embedding = recipe.embedding
    return models.embedding_model(
        backbone, embedding.dim, embedding.pooling, embedding.normalize, recipe.image_size
    )


def scheduled(optimizer, schedule, steps):
    """A new optimiser with its learning rate on the recipe's schedule, at `steps` batches an epoch."""
    config = optimizer.get_config()
    if schedule.decay == "constant" and not schedule.warmup_epochs:
        return type(optimizer).from_config(config)
    rate = config["learning_rate"]
    warmup = round(schedule.warmup_epochs * steps)
    config["learning_rate"] = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else rate,
        max(1, round(schedule.epochs * steps) - warmup),
        alpha=0.0 if schedule.decay == "cosine" else 1.0,  # the share that remains at the end
        warmup_target=rate if warmup else None,
        warmup_steps=warmup,
    )
    return type(optimizer).from_config(config)


def training_batches(recipe, image_set, epoch, learner=None):
    """The batches of epoch `epoch` and of those after it, and their number an epoch."""
    image_set = numbered(image_set)
    classes, images = batch_shape(recipe.sampler, image_set)
    takes = getattr(learner, "input", None)
    options = {
        "seed": recipe.seed,
        "augment": recipe.augmentation,
        "image_size": recipe.image_size,
        "index": isinstance(takes, dict),
    }
    fixed = recipe.schedule.steps_per_epoch
    if recipe.sampler.batches == "shuffled":
        draw, sizes = image_set.shuffled_batches, (min(classes * images, len(image_set)),)
    else:
        draw, sizes = image_set.balanced_batches, (classes, images)
    steps = fixed or int(draw(*sizes, **options).cardinality())
    batches = draw(*sizes, start_batch=epoch * steps, **options)
    if isinstance(takes, list):
        batches = batches.map(lambda image, label: ((image, label), label))
    return batches.repeat() if fixed else batches, steps


def numbered(image_set):
    """The set with its classes counted from 0, as class weights are: those held out leave gaps."""
    classes, labels = np.unique(image_set.labels, return_inverse=True)
    names = [image_set.class_names[label] for label in classes]
    return ImageSet(image_set.store, labels, names, image_set.name, image_set.sources, image_set.rows)


def batch_shape(sampler, image_set, note=lambda sentence: None):
    """Classes and images of each in a batch: the recipe's, or about as many images of fewer classes."""
    classes, images = sampler.classes_per_batch, sampler.images_per_class
    if classes <= image_set.num_classes or sampler.batches == "shuffled":
        return classes, images
    largest = max(2, len(image_set) // image_set.num_classes)
    fewer = image_set.num_classes
    more = max(2, min(classes * images // fewer, largest))
    note(f"Batches hold {more} images of each of the {fewer} classes, as there are fewer than {classes}.")
    return fewer, more
