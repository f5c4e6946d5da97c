"""One run of a classifier: class weights or stored examples on one network, measured on held-out samples."""

import functools

import keras
import numpy as np

from benchmarks.effects import samples
from benchmarks.effects.plan import made
from benchmarks.effects.samples import Samples
from tfdml import callbacks, layers, losses, metrics

# Unless a plan says otherwise. `every` is of `CenterRefresh`, or "never": at the beginning and the end alone.
SETTINGS = {"batch_size": 64, "per_class": 4, "every": 1}
SHARED = ("image_size", "dim", "epochs", "batch_size", "every", "per_class")  # what pages say of the settings
# Of the classifiers by neighbours those arguments that follow from the data.
BY_NEIGHBORS = ("NNGKClassifier", "NearestNeighborsClassifier")


@functools.cache
def load(name, path, size):
    """Features, labels and sources of an image set."""
    images, labels, sources = samples.whole_set(name, path)
    return samples.features(images, size), labels, sources


def measured(run, path=None):
    """Trains, and measures on validation samples, and on test samples unless the run is a trial.

    `head` is a classifier by neighbours of `tfdml.layers`, or another layer that gives logits of classes:
    `{class: Dense}` is softmax.
    """
    settings = SETTINGS | run.settings
    train, *held = parts_of(run, settings, path)
    model, history = trained(run, settings, train)
    result = {"loss": history} if history else {}
    for part, of_part in zip(measured_parts(run), held, strict=False):
        result[part] = measure(model, train, of_part)
    return result


def measured_parts(run):
    """A trial of hyper-parameters is not measured on test samples."""
    return ("validation",) if run.trial is not None else ("validation", "test")


def parts_of(run, settings, path):
    """Training, validation and test samples of a run."""
    features, labels, sources = load(run.data, path, settings["image_size"])
    places = samples.of_held_out_sources(labels, sources, settings["per_class"], run.seed)
    classes = np.unique(labels[places[0]])
    return [Samples(features[part], np.searchsorted(classes, labels[part])) for part in places]


def trained(run, settings, train, **batches):
    """A model that gives scores of classes and an embedding; its first and last loss, if it has any.

    `batches` are what `fit` of Keras is to take in place of all samples in random order.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(run.seed)
    fitted, model = models_of(settings, train)
    history = fit(settings, fitted, train, **batches)
    return model, [round(float(loss), 5) for loss in history[:: max(1, len(history) - 1)]]


def models_of(settings, train):
    """The model to fit, which takes features and indices; and one that classifies and embeds.

    Without a head, scores are the embedding.
    """
    described = dict(settings.get("head", {"class": None}))
    kind = described.pop("class")
    x, index = keras.Input((train.x.shape[1],), name="image"), keras.Input((), dtype="int64", name="index")
    embedding = keras.layers.LayerNormalization(center=False, scale=False)(x)
    if settings["dim"]:
        embedding = keras.layers.Dense(settings["dim"], use_bias=False)(embedding)
    if settings.get("normalize", True):
        embedding = layers.L2Normalization()(embedding)
    if kind is None:
        scores = with_index = embedding
    elif kind in BY_NEIGHBORS:
        head = getattr(layers, kind)(train.num_classes, capacity=len(train.labels), **described)
        scores, with_index = head(embedding), head(embedding, index=index)
    else:
        head = getattr(layers if hasattr(layers, kind) else keras.layers, kind)
        scores = with_index = head(train.num_classes, **described)(embedding)
    return keras.Model({"image": x, "index": index}, with_index), keras.Model(x, [scores, embedding])


def fit(settings, model, train, **batches):
    """The loss of each epoch. A classifier without anything to train has its centers stored."""
    inputs = {"image": train.x, "index": np.arange(len(train.labels))}
    refresh = refreshes(settings, inputs, train.labels) if by_neighbors(settings) else []
    if not settings["epochs"]:
        for callback in refresh:
            callback.set_model(model)
            callback.on_train_begin()
        return []
    batches = batches or {"x": inputs, "y": train.labels, "batch_size": settings["batch_size"]}
    steps = batches.get("steps_per_epoch") or -(-len(train.labels) // settings["batch_size"])
    rate = keras.optimizers.schedules.CosineDecay(settings["learning_rate"], settings["epochs"] * steps)
    model.compile(keras.optimizers.Adam(rate), loss=loss_of(settings))
    return model.fit(**batches, epochs=settings["epochs"], callbacks=refresh, verbose=0).history["loss"]


def by_neighbors(settings):
    """Whether a row is a classifier by neighbours."""
    return settings.get("head", {}).get("class") in BY_NEIGHBORS


def refreshes(settings, inputs, labels):
    """The callback that stores the centers, in a list."""
    parts = [slice(start, start + 512) for start in range(0, len(labels), 512)]
    batches = [({name: x[part] for name, x in inputs.items()}, labels[part]) for part in parts]
    every = settings["epochs"] if settings["every"] == "never" else settings["every"]
    return [callbacks.CenterRefresh(batches, every=every or None)]


def loss_of(settings):
    """The loss that a row names, or cross-entropy."""
    if "loss" in settings:
        return made(settings["loss"], losses)
    logits = not by_neighbors(settings) or settings["head"].get("activation", "softmax") is None
    return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


def measure(model, train, held):
    """Accuracy on held-out samples, and Recall@1 among the training samples."""
    scores, embeddings = model.predict(held.x, batch_size=512, verbose=0)
    gallery = model.predict(train.x, batch_size=512, verbose=0)[1]
    figures = metrics.retrieval(
        embeddings, held.labels, gallery=gallery, gallery_labels=train.labels, recall_at=(1,)
    )
    return {"accuracy": accuracy(scores, held), "recall@1": round(float(figures["recall@1"]), 5)}


def accuracy(scores, held):
    """Share of the samples whose class has the highest score."""
    return round(float((scores.argmax(axis=1) == held.labels).mean()), 5)
