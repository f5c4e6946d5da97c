"""New examples, and new classes, for a model that classifies by neighbours, without training."""

import keras
import numpy as np

from tfdml.layers.classifier_parts import embedding_of, feed, only_classifier, with_classifier


def add_examples(model, images, labels, layer=None, batch_size=32):
    """Stores pictures with their classes in the classifier of a model. Nothing is trained.

    The pictures are embedded by the part of the model before its classifier, in inference mode, and go into
    slots that are free. Where too few are, or a label is of a class that there is no room for, the model that
    comes back has a larger classifier, and shares all other layers with the one given, which is left as it
    is; compile it before you train it. Else it is the model given.

    Args:
        model: A Functional or Sequential model with a classifier by neighbours of `tfdml.layers`, such as one
            that was loaded.
        images: What the model takes, `(samples, ...)`; or a dictionary of inputs by name, without the index.
        labels: Integers `(samples,)` of at least 0: classes that there are, or the next ones. Where centers
            have soft targets, also distributions `(samples, num_classes)`.
        layer: The classifier. Defaults to `None`: the only one of the model.
        batch_size: Integer: pictures that are embedded at a time. Defaults to `32`.

    Returns:
        A `keras.Model`.

    Example:

    >>> classifier = tfdml.layers.NNGKClassifier(num_classes=2, capacity=4, neighbors=2)
    >>> model = keras.Sequential([keras.Input((3,)), classifier])
    >>> classifier.set_centers(np.eye(4, 3), np.array([0, 0, 1, 1]))
    >>> model = tfdml.models.add_examples(model, np.array([[9, 9, 9], [8, 8, 8]]), np.array([2, 2]))
    >>> model.predict(np.array([[8.5, 8.5, 8.5]]), verbose=0).argmax(axis=1).tolist()
    [2]
    """
    layer = only_classifier(model) if layer is None else layer
    inputs, embedding = embedding_of(model, layer)
    embed = keras.Model({x.name: x for x in inputs.values()}, embedding)
    images = images if isinstance(images, dict) else {next(iter(inputs)): np.asarray(images)}
    embeddings = embed.predict(feed(inputs, images), batch_size=batch_size, verbose=0)
    labels = np.asarray(keras.ops.convert_to_numpy(labels))
    larger = with_room(layer, len(embeddings), labels)
    # Before anything of the model is touched: the layer refuses what it cannot store.
    larger.add(embeddings, labels)
    return model if larger is layer else with_classifier(model, layer, larger)


def with_room(layer, count, labels):
    """A classifier with slots and classes for further examples: `layer`, or a larger one."""
    num_classes = layer.num_classes
    if np.issubdtype(labels.dtype, np.integer) and labels.size:
        num_classes = max(num_classes, int(labels.max()) + 1)
    elif labels.ndim == 2:
        num_classes = max(num_classes, labels.shape[1])
    capacity = max(layer.capacity, int(layer.array("active").sum()) + count)
    if (capacity, num_classes) == (layer.capacity, layer.num_classes):
        return layer
    return layer.resized(capacity, num_classes)
