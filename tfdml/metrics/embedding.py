"""The embeddings of a data set, batch by batch."""

import keras
import numpy as np


def embed(model, dataset):
    """Embeddings and labels of a data set, computed batch by batch in inference mode.

    No more than the embeddings and one batch is held. The model's compiled predict function is used: a model
    that is called again, with batches of the same shape, is not traced again.

    Args:
        model: A `keras.Model` that gives one embedding `(batch, dim)` a sample.
        dataset: A `tf.data.Dataset` or another finite iterable of batches `(inputs, labels)`; more members,
            such as sample weights, are ignored. Where `inputs` is a dictionary, a model that takes a
            dictionary gets the entries it names, and a model that takes one tensor gets `inputs["image"]`.

    Returns:
        Embeddings `(samples, dim)` and labels `(samples, ...)`, as arrays.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
    >>> batches = [(np.ones((3, 2)), np.array([0, 0, 1])), (np.ones((1, 2)), np.array([1]))]
    >>> embeddings, labels = tfdml.metrics.embed(model, batches)
    >>> embeddings.shape, labels.tolist()
    ((4, 4), [0, 0, 1, 1])
    """
    embeddings, labels = [], []
    for batch in dataset:
        if not isinstance(batch, tuple | list) or len(batch) < 2:
            raise ValueError(f"Expected dataset to give batches (inputs, labels), received: {type(batch)}")
        output = model.predict_on_batch(model_inputs(model, batch[0]))
        if not isinstance(output, np.ndarray) or output.ndim != 2:
            form = getattr(output, "shape", type(output))
            raise ValueError(f"Expected model to give embeddings (batch, dim), received: {form}")
        embeddings.append(output)
        labels.append(keras.ops.convert_to_numpy(batch[1]))
    if not embeddings:
        raise ValueError("Expected dataset to give at least one batch, received: none")
    return np.concatenate(embeddings), np.concatenate(labels)


def model_inputs(model, inputs):
    """Of a dictionary of inputs those that the model takes."""
    if not isinstance(inputs, dict):
        return inputs
    if not isinstance(model, keras.Sequential):
        try:
            expected = model.input
        except (AttributeError, ValueError):  # a subclassed model does not say what it takes
            return inputs
    else:
        expected = None
    names = list(expected) if isinstance(expected, dict) else ["image"]
    missing = [name for name in names if name not in inputs]
    if missing:
        raise ValueError(f"Expected dataset to give the input {missing[0]!r}, received: {', '.join(inputs)}")
    return {name: inputs[name] for name in names} if isinstance(expected, dict) else inputs["image"]
