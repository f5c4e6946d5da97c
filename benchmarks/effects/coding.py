"""One run of a classifier whose centers are codes of few bytes, asked about classes it knows and others."""

import tempfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.effects import classifying
from tfdml import models
from tfdml.layers.classifier_parts import only_classifier

# `bytes` of a center, or `None`: as trained. `unknown`: share of the classes that are only asked about.
SETTINGS = classifying.SETTINGS | {"bytes": None, "unknown": 0.25}
SHARED = (*classifying.SHARED, "unknown")


def measured(run, path=None):
    """Trains on some of the classes; measures on new pictures of these, and of the others beside them."""
    settings = SETTINGS | run.settings
    train, *held = classifying.parts_of(run, settings, path)
    order = np.random.default_rng(run.seed).permutation(train.num_classes)
    known = np.sort(order[int(settings["unknown"] * len(order)) :])
    train, _ = apart(train, known)
    model, history = classifying.trained(run, settings, train)
    if settings["bytes"]:
        model = models.compressed(model, bytes=settings["bytes"])
    by_neighbors = settings["head"]["class"] in classifying.BY_NEIGHBORS
    layer = only_classifier(model) if by_neighbors else model.layers[-1]
    result = {"loss": history} if history else {}
    for part, of_part in zip(classifying.measured_parts(run), held, strict=False):
        result[part] = {**measure(model, layer, *apart(of_part, known)), "kilobytes": kilobytes(layer)}
    return result


def apart(held, known):
    """Samples of the classes `known`, with labels from 0, and the others."""
    of_known = np.isin(held.labels, known)
    renamed = np.searchsorted(known, held.labels[of_known])
    return replace(held, x=held.x[of_known], labels=renamed), replace(
        held, x=held.x[~of_known], labels=held.labels[~of_known]
    )


def measure(model, layer, known, unknown):
    """Accuracy on known classes, and how well they are told from others: areas under ROC curves."""
    scores, embeddings = model.predict(known.x, batch_size=512, verbose=0)
    others, far = model.predict(unknown.x, batch_size=512, verbose=0)
    found = {"accuracy": classifying.accuracy(scores, known)}
    found["auc of probability"] = area(*(largest_probability(x) for x in (scores, others)))
    if hasattr(layer, "confidence"):
        both = np.concatenate([embeddings, far])
        confidence = keras.ops.convert_to_numpy(layer.confidence(both))
        found["auc of confidence"] = area(confidence[: len(known.x)], confidence[len(known.x) :])
        found["confidence, known"] = round(float(confidence[: len(known.x)].mean()), 5)
        found["confidence, unknown"] = round(float(confidence[len(known.x) :].mean()), 5)
    return found


def largest_probability(logits):
    """The probability of the winning class, of logits."""
    logits = logits - logits.max(axis=1, keepdims=True)
    return 1 / np.exp(logits).sum(axis=1)


def area(known, unknown):
    """Probability that a sample of a known class has the higher score of the two."""
    labels = np.repeat([1, 0], [len(known), len(unknown)])
    return round(float(roc_auc_score(labels, np.concatenate([known, unknown]))), 5)


def kilobytes(layer):
    """Size of a file that holds a layer alone."""
    alone = keras.Sequential([keras.Input(layer.input.shape[1:]), layer])
    with tempfile.TemporaryDirectory() as folder:
        alone.save(path := Path(folder) / "layer.keras")
        return round(path.stat().st_size / 1000, 1)
