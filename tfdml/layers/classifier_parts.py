"""The classifier by neighbours of a model, and the part of the model before it."""

import keras

from tfdml.layers.centers import Centers

NOT_EMBEDDED = ("index", "label")  # inputs that say which sample it is, not what it looks like


def only_classifier(model):
    """The classifier by neighbours of a model that has just one."""
    found = [layer for layer in model._flatten_layers() if isinstance(layer, Centers)]
    if len(found) != 1:
        raise ValueError(
            f"Expected layer to say which classifier by neighbours is meant, as the model has {len(found)}, "
            "received: None"
        )
    return found[0]


def embedded_inputs(model):
    """The symbolic inputs of a model that its embeddings are made of, by the names that data give them."""
    # A Sequential model has no single input before it was called on a symbol itself.
    inputs = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    if isinstance(inputs, list | tuple):
        inputs = {x.name: x for x in inputs}
    if not isinstance(inputs, dict):
        inputs = {"image": inputs}
    return {name: x for name, x in inputs.items() if name not in NOT_EMBEDDED}


def embedding_of(model, layer):
    """The inputs by name, and the symbolic embedding that a model calls a classifier on.

    A layer may be called in several models.
    """
    try:
        inputs = embedded_inputs(model)
        for node in layer._inbound_nodes:
            embedding = node.input_tensors[0]
            try:
                keras.Model(list(inputs.values()), embedding)
            except ValueError:  # of another model
                continue
            return inputs, embedding
    except (AttributeError, TypeError, ValueError):
        pass  # a subclassed model, which has no symbols
    raise ValueError(
        f"Expected model to be Functional or Sequential, with {layer.name} called on an embedding, "
        f"received: {model!r}"
    )


def feed(inputs, given):
    """Of a batch by the names of data, what a model of those inputs takes, by the names of its own."""
    missing = [name for name in inputs if name not in given]
    if missing:
        raise ValueError(f"Expected the input {missing[0]!r} to be given, received: {', '.join(given)}")
    return {x.name: given[name] for name, x in inputs.items()}


def with_classifier(model, layer, new):
    """A model that has the layer `new` in place of `layer`, and shares all other layers."""
    embedding_of(model, layer)  # refuses a model that cannot be taken apart
    replaced = keras.models.clone_model(model, clone_function=lambda x: new if x is layer else x)
    replaced.name = model.name
    return replaced
