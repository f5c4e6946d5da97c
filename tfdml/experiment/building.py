"""From a recipe to what `fit` takes: network, optimiser and batches."""

import inspect

import keras
import numpy as np

from tfdml import layers, losses, models
from tfdml.data import ImageSet

# What a loss on several centers a class is published with; the others have one.
CENTERS = {
    losses.SubCenterArcFaceLoss: {"per_class": 3},
    losses.SoftTripleLoss: {"per_class": 10, "merging": 0.2},
}


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


def build_learner(recipe, model, num_classes):
    """What `fit` takes: the network, or the network with a layer of class weights where the loss reads these.

    The layer stands behind the embedding, so that what is learnt is the network's, and the network is what is
    measured and saved.
    """
    if not isinstance(recipe.loss, losses.ClassLoss):
        return model
    if recipe.head is None:
        several = [centers for loss, centers in CENTERS.items() if isinstance(recipe.loss, loss)]
        head = layers.Proxies(num_classes, **dict(*several))
    else:
        head = recipe.head(num_classes)
    if "labels" not in inspect.signature(head.call).parameters:
        return keras.Model(model.input, head(model.output))
    label = keras.Input((), dtype="int64", name="label")
    return keras.Model([model.input, label], head(model.output, labels=label))


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
    options = {
        "seed": recipe.seed,
        "augment": recipe.augmentation,
        "image_size": recipe.image_size,
        "index": False,
    }
    fixed = recipe.schedule.steps_per_epoch
    steps = fixed or int(image_set.balanced_batches(classes, images, **options).cardinality())
    batches = image_set.balanced_batches(classes, images, start_batch=epoch * steps, **options)
    if learner is not None and isinstance(learner.input, list):
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
    if classes <= image_set.num_classes:
        return classes, images
    largest = max(2, len(image_set) // image_set.num_classes)
    fewer = image_set.num_classes
    more = max(2, min(classes * images // fewer, largest))
    note(f"Batches hold {more} images of each of the {fewer} classes, as there are fewer than {classes}.")
    return fewer, more
