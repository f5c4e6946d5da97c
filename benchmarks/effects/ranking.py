"""One run of an embedding that was trained as a classifier, or by a loss, measured on unseen classes."""

import functools

import numpy as np
import tensorflow as tf

from benchmarks.effects import classifying, samples, sets
from benchmarks.effects.samples import Samples
from tfdml import data, metrics

SETTINGS = classifying.SETTINGS
SHARED = ("image_size", "dim", "epochs", "classes_per_batch", "images_per_class", "every")
PIXELS = 64  # of the pictures before features are taken of them


@functools.cache
def load(name, path, size):
    """Features of training, validation and test classes."""
    parts = sets.load(name, path, PIXELS)
    return [
        Samples(samples.features(part.images(), size), np.asarray(part.labels))
        for part in (parts.train, parts.validation, parts.test)
    ]


def measured(run, path=None):
    """Trains on balanced batches, the same ones for every row, and ranks classes that it never saw."""
    settings = SETTINGS | run.settings
    train, *held = load(run.data, path, settings["image_size"])
    batches = balanced(settings, train, run.seed) if settings["epochs"] else {}
    model, history = classifying.trained(run, settings, train, **batches)
    result = {"loss": history} if history else {}
    for part, of_part in zip(classifying.measured_parts(run), held, strict=False):
        embeddings = model.predict(of_part.x, batch_size=512, verbose=0)[1]
        figures = metrics.retrieval(embeddings, of_part.labels, distance="cosine")
        kept = ("recall@1", "recall@2", "recall@4", "recall@8", "map@r")
        result[part] = {name: round(float(figures[name]), 5) for name in kept}
    return result


def balanced(settings, train, seed):
    """What `fit` takes: batches of all epochs, one after the other."""
    classes = min(settings["classes_per_batch"], train.num_classes)
    sampler = data.BalancedSampler(train.labels, classes, settings["images_per_class"], seed=seed)
    places = np.concatenate([sampler.epoch(number) for number in range(settings["epochs"])])
    x, labels = tf.constant(train.x), tf.constant(train.labels)
    dataset = tf.data.Dataset.from_tensor_slices(places).map(
        lambda chosen: ({"image": tf.gather(x, chosen), "index": chosen}, tf.gather(labels, chosen))
    )
    return {"x": dataset, "steps_per_epoch": sampler.steps, "shuffle": False}
