"""Backbones and the networks built on them."""

from tfdml.losses.replicas import find_replicas_by
from tfdml.models.adding_examples import add_examples
from tfdml.models.backbones import backbone, backbone_names
from tfdml.models.compressing import compressed
from tfdml.models.efficientnet_lite import efficientnet_lite0
from tfdml.models.embedding import embedding_model
from tfdml.models.gradient_caching import GradientCaching
from tfdml.models.replicas import tensorflow_replicas
from tfdml.models.torch_weights import read_torch_weights

find_replicas_by(tensorflow_replicas)  # the losses, which know nothing of TensorFlow, ask it

__all__ = [
    "GradientCaching",
    "add_examples",
    "backbone",
    "backbone_names",
    "compressed",
    "efficientnet_lite0",
    "embedding_model",
    "read_torch_weights",
]
