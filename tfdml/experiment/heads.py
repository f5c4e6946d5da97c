"""What stands behind the embedding while training: class weights, or a classifier."""

import inspect

import keras
from keras.losses import SparseCategoricalCrossentropy

from tfdml import layers, losses

# What a loss on several centers a class is published with; the others have one.
CENTERS = {
    losses.SubCenterArcFaceLoss: {"per_class": 3},
    losses.SoftTripleLoss: {"per_class": 10, "merging": 0.2},
}


def head_class(recipe):
    """The class of a recipe's head, or `None` where it has none or is a function of the user's."""
    # The parser gives a partial function of it, and of how to call it.
    given = getattr(recipe.head, "args", ())
    return next((part for part in given if isinstance(part, type)), None)


def classifies(recipe):
    """Whether the head gives probabilities of classes, and not what a loss with class weights reads."""
    kind = head_class(recipe)
    return kind is not None and issubclass(kind, layers.NNGKClassifier | keras.layers.Dense)


def check_head(recipe):
    """Raises ValueError where head and loss do not go with one another."""
    loss, kind = recipe.loss, head_class(recipe)
    head = kind.__name__ if kind else "a head" if recipe.head else "no head"
    received = f"received: {type(loss).__name__} and {head}"
    if classifies(recipe):
        if not isinstance(loss, SparseCategoricalCrossentropy):
            raise ValueError(
                f"Expected loss to be SparseCategoricalCrossentropy where head is {kind.__name__}, {received}"
            )
        _check_logits(make_head(recipe, 2, 2), loss)
    elif isinstance(loss, SparseCategoricalCrossentropy):
        raise ValueError(
            "Expected head to be a classifier, NNGKClassifier or Dense, where loss is "
            f"SparseCategoricalCrossentropy, {received}"
        )
    elif recipe.head is not None and not isinstance(loss, losses.ClassLoss):
        raise ValueError(
            f"Expected loss to be one with class weights, such as ArcFaceLoss, or head to be null, {received}"
        )


def _check_logits(head, loss):
    """A cross-entropy that takes probabilities for logits learns, but not what it should."""
    activation = getattr(head.activation, "__name__", head.activation)
    if activation not in (None, "linear", "softmax"):
        raise ValueError(
            f"Expected head.activation to be null or softmax for a cross-entropy, received: {activation}"
        )
    logits = activation != "softmax"
    if logits != loss.from_logits:
        gives = "null, which gives logits" if logits else "softmax"
        raise ValueError(
            f"Expected loss.from_logits to be {str(logits).lower()} as head.activation is {gives}, "
            f"received: {str(loss.from_logits).lower()}"
        )


def make_head(recipe, num_classes, samples):
    """The layer that a recipe names, for this many classes and training samples."""
    kind = head_class(recipe)
    if kind is not None and issubclass(kind, layers.NNGKClassifier):
        return recipe.head(num_classes, samples)
    return recipe.head(num_classes)


def build_learner(recipe, model, num_classes, samples=None):
    """What `fit` takes: the network, or the network with the layer that the loss reads behind it.

    The layer stands behind the embedding, so that what is learnt is the network's, and the network is what is
    measured and saved.
    """
    if recipe.head is not None:
        head = make_head(recipe, num_classes, samples)
    elif isinstance(recipe.loss, losses.ClassLoss):
        several = [centers for loss, centers in CENTERS.items() if isinstance(recipe.loss, loss)]
        head = layers.Proxies(num_classes, **dict(*several))
    else:
        return model
    taken = inspect.signature(head.call).parameters
    if "index" in taken:  # a sample is not its own neighbour
        index = keras.Input((), dtype="int64", name="index")
        return keras.Model({"image": model.input, "index": index}, head(model.output, index=index))
    if "labels" in taken:
        label = keras.Input((), dtype="int64", name="label")
        return keras.Model([model.input, label], head(model.output, labels=label))
    return keras.Model(model.input, head(model.output))
