"""One run: a small network, trained and measured."""

import importlib

import keras
import numpy as np

from benchmarks.effects.plan import made
from tfdml import layers, losses, metrics, models
from tfdml.models.small_cnn import small_cnn


def train(run, parts):
    """Trains, and measures on validation classes, and on test classes unless the run is a trial.

    Args:
        run: A `Run`.
        parts: The `Parts` of its image set.

    Returns:
        A dictionary of figures.
    """
    settings = run.settings
    keras.utils.clear_session()
    keras.utils.set_random_seed(run.seed)
    build = _found(settings["build"]) if "build" in settings else standard
    model, embed = build(settings, parts.train)
    batches = parts.train.balanced_batches(
        min(settings["classes_per_batch"], parts.train.num_classes),
        settings["images_per_class"],
        seed=run.seed,
        augment=[keras.layers.RandomTranslation(settings["shift"], settings["shift"], fill_mode="nearest")],
        index=False,
    )
    history = model.fit(batches, epochs=settings["epochs"], shuffle=False, verbose=0).history["loss"]
    result = {"loss": [round(float(history[0]), 5), round(float(history[-1]), 5)]}
    measured = ("validation",) if run.trial is not None else ("validation", "test")
    for part in measured:
        result[part] = measure(embed, getattr(parts, part))
    return result


def standard(settings, train_set):
    """The model to fit and the model to embed with: `small_cnn`, a projection, and the variant's head."""
    size = settings["image_size"]
    backbone = small_cnn(size, width=settings["width"])
    normalize = settings.get("normalize", True)
    embed = models.embedding_model(backbone, settings["dim"], normalize=normalize, image_size=size)
    model = embed
    if "head" in settings:
        head = made(settings["head"], layers, num_classes=train_set.num_classes)
        model = keras.Model(embed.input, head(embed.output))
    optimizer = keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(
            settings["learning_rate"], settings["epochs"] * steps_of(settings, train_set)
        )
    )
    model.compile(optimizer, loss=made(settings["loss"], losses))
    return model, embed


def steps_of(settings, train_set):
    """Batches of an epoch."""
    classes = min(settings["classes_per_batch"], train_set.num_classes)
    return int(train_set.balanced_batches(classes, settings["images_per_class"]).cardinality())


def _found(path):
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def measure(embed, image_set):
    """Retrieval figures of an image set, and how far its embeddings have collapsed."""
    embeddings = metrics.embed(embed, image_set.ordered_batches(index=False))[0]
    figures = metrics.retrieval(embeddings, image_set.labels)
    kept = ("recall@1", "recall@2", "recall@4", "r_precision", "map@r", "mrr")
    result = {name: round(float(figures[name]), 5) for name in kept}
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    count = len(unit)
    # The mean over all pairs, without a matrix of them.
    pairs = (float(np.square(unit.sum(axis=0, dtype="float64")).sum()) - count) / (count * (count - 1))
    return {**result, "mean_similarity": round(pairs, 5)}
