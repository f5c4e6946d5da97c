"""One run of a classifier: class weights or stored examples on one network, measured on held-out samples."""

import functools

import keras
import numpy as np

from benchmarks.effects import samples
from benchmarks.effects.samples import Samples
from tfdml import callbacks, layers, metrics

SETTINGS = {"batch_size": 64, "per_class": 4, "every": 1, "dropout": 0.0}  # unless a plan says otherwise
# Of the classifiers by neighbours those arguments that follow from the data.
BY_NEIGHBORS = ("NNGKClassifier", "NearestNeighborsClassifier")


@functools.cache
def load(name, path, size):
    """Features, labels and sources of an image set."""
    images, labels, sources = samples.whole_set(name, path)
    return samples.features(images, size), labels, sources


def measured(run, path=None):
    """Trains, and measures on validation samples, and on test samples unless the run is a trial.

    `head` is a classifier by neighbours of `tfdml.layers`, or `{class: Dense}`, which is softmax.
    """
    settings = SETTINGS | run.settings
    features, labels, sources = load(run.data, path, settings["image_size"])
    places = samples.of_held_out_sources(labels, sources, settings["per_class"], run.seed)
    encoded = np.unique(labels[places[0]], return_inverse=True)[1]
    lookup = dict(zip(labels[places[0]], encoded, strict=True))
    train, validation, test = (
        Samples(features[part], np.array([lookup[label] for label in labels[part]])) for part in places
    )
    keras.utils.clear_session()
    keras.utils.set_random_seed(run.seed)
    fitted, classify, embed = models_of(settings, train)
    history = fit(settings, fitted, train)
    result = {"loss": [round(float(history[0]), 5), round(float(history[-1]), 5)]} if history else {}
    parts = {"validation": validation} if run.trial is not None else {"validation": validation, "test": test}
    for part, held in parts.items():
        result[part] = measure(classify, embed, train, held)
    return result


def models_of(settings, train):
    """The model to fit, which takes features and indices; one that classifies, and one that embeds."""
    described = dict(settings["head"])
    kind = described.pop("class")
    x, index = keras.Input((train.x.shape[1],), name="image"), keras.Input((), dtype="int64", name="index")
    embedding = keras.layers.LayerNormalization(center=False, scale=False)(x)
    if settings["dim"]:
        embedding = keras.layers.Dense(settings["dim"], use_bias=False)(embedding)
    if settings.get("normalize", True):
        embedding = layers.L2Normalization()(embedding)
    if kind == "Dense":
        logits = trained = keras.layers.Dense(train.num_classes, **described)(embedding)
    else:
        room = {"num_classes": train.num_classes, "capacity": len(train.labels)}
        head = getattr(layers, kind)(**room, **described)
        logits, trained = head(embedding), head(embedding, index=index)
    return (
        keras.Model({"image": x, "index": index}, trained),
        keras.Model(x, logits),
        keras.Model(x, embedding),
    )


def fit(settings, model, train):
    """The loss of each epoch. A classifier without anything to train has its centers stored."""
    refresh = []
    inputs = {"image": train.x, "index": np.arange(len(train.labels))}
    if settings["head"]["class"] in BY_NEIGHBORS:
        batches = [
            ({k: v[s : s + 512] for k, v in inputs.items()}, train.labels[s : s + 512])
            for s in range(0, len(train.labels), 512)
        ]
        refresh = [callbacks.CenterRefresh(batches, every=settings["every"])]
    if not settings["epochs"]:
        refresh[0].set_model(model)
        refresh[0].on_train_begin()
        return []
    steps = -(-len(train.labels) // settings["batch_size"])
    rate = keras.optimizers.schedules.CosineDecay(settings["learning_rate"], settings["epochs"] * steps)
    by_neighbors = settings["head"]["class"] in BY_NEIGHBORS
    logits = not by_neighbors or settings["head"].get("activation", "softmax") is None
    model.compile(
        keras.optimizers.Adam(rate), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    )
    return model.fit(
        inputs,
        train.labels,
        batch_size=settings["batch_size"],
        epochs=settings["epochs"],
        callbacks=refresh,
        verbose=0,
    ).history["loss"]


def measure(classify, embed, train, held):
    """Accuracy on held-out samples, and Recall@1 among the training samples."""
    probabilities = classify.predict(held.x, batch_size=512, verbose=0)
    figures = metrics.retrieval(
        embed.predict(held.x, batch_size=512, verbose=0),
        held.labels,
        gallery=embed.predict(train.x, batch_size=512, verbose=0),
        gallery_labels=train.labels,
        recall_at=(1,),
    )
    accuracy = float((probabilities.argmax(axis=1) == held.labels).mean())
    return {"accuracy": round(accuracy, 5), "recall@1": round(float(figures["recall@1"]), 5)}
