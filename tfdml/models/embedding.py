"""The network that training, evaluation and export share: image in, embedding out."""

import keras
from keras import layers

from tfdml.layers import L2Normalization
from tfdml.models.backbones import backbone as named_backbone
from tfdml.models.inputs import image_input
from tfdml.models.pooling import pool


def embedding_model(
    backbone, dim=128, pooling="avg", normalize=True, image_size=None, name="embedding_model"
):
    """A network from images to embeddings: backbone, pooling, projection, normalisation.

    All that comes after the backbone is computed in float32, whatever the policy. The feature map is the
    output of the layer `"feature_map"`, the embedding that of the layer `"embedding"`.

    Args:
        backbone: A Keras model from images to a feature map, whose weights are shared, not copied; or a
            name that `tfdml.models.backbone` knows, for one with its default weights.
        dim: Length of the embedding, an integer above 0, or `None` for the pooled features as they are.
            Defaults to `128`.
        pooling: `"avg"`, `"max"`, `"avg_max"` (the sum of both), or a layer from a feature map
            `(batch, rows, columns, channels)` to `(batch, channels)`. Defaults to `"avg"`.
        normalize: Whether embeddings have length 1. Defaults to `True`.
        image_size: Height and width of the images, or one number for both, or `None` for the backbone's own
            (any size, mostly). Defaults to `None`.
        name: Name of the model. Defaults to `"embedding_model"`.

    Input shape: `(batch, height, width, 3)`, named `"image"`: pixels from 0 to 255.

    Output shape: `(batch, dim)`, float32.

    Example:

    >>> model = tfdml.models.embedding_model("small_cnn", dim=64, image_size=32)
    >>> model.predict(np.zeros((2, 32, 32, 3)), verbose=0).shape
    (2, 64)
    """
    if dim is not None and (isinstance(dim, bool) or not isinstance(dim, int) or dim < 1):
        raise ValueError(f"Expected dim to be an integer above 0 or None, received: dim={dim!r}")
    if isinstance(backbone, str):
        backbone = named_backbone(backbone, image_size=image_size)
    if not isinstance(backbone, keras.Model):
        raise ValueError(f"Expected backbone to be a name or a Keras model, received: backbone={backbone!r}")
    if len(backbone.output_shape) != 4:
        raise ValueError(
            "Expected backbone to end in a feature map (batch, rows, columns, channels), "
            f"received: output shape {backbone.output_shape}"
        )
    image = image_input(backbone.input_shape[1:3] if image_size is None else image_size)
    features = layers.Identity(dtype="float32", name="feature_map")(backbone(image))
    x = pool(features, pooling)
    if dim is not None:
        x = layers.Dense(dim, dtype="float32", name="projection" if normalize else "embedding")(x)
    if normalize:
        x = L2Normalization(dtype="float32", name="embedding")(x)
    elif dim is None:
        x = layers.Identity(dtype="float32", name="embedding")(x)
    return keras.Model(image, x, name=name)
