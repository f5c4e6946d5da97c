"""Models whose classifier by neighbours holds a few bytes a center."""

from tfdml.layers.classifier_parts import only_classifier, with_classifier


def compressed(model, bytes=16, dim=None, layer=None):
    """A model with codes of a few bytes in place of the centers of its classifier.

    It shares all other layers with the model given, which is left as it is.

    Args:
        model: A Functional or Sequential model with a classifier by neighbours of `tfdml.layers`.
        bytes: Integer from 1: bytes a center. Defaults to `16`.
        dim: A multiple of `bytes`: directions of the embeddings that are coded. Defaults to `None`: see
            `tfdml.search.OPQ`.
        layer: The classifier. Defaults to `None`: the only one of the model.

    Returns:
        A `keras.Model`.

    Example:

    >>> classifier = tfdml.layers.NNGKClassifier(num_classes=2, capacity=200)
    >>> model = keras.Sequential([keras.Input((8,)), classifier])
    >>> classifier.set_centers(np.random.default_rng(0).normal(size=(200, 8)), np.arange(200) % 2)
    >>> small = tfdml.models.compressed(model, bytes=4)
    >>> tuple(small.layers[-1].codes.shape), small.predict(np.zeros((1, 8)), verbose=0).shape
    ((200, 4), (1, 2))
    """
    layer = only_classifier(model) if layer is None else layer
    return with_classifier(model, layer, layer.compressed(bytes, dim))
