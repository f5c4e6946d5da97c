"""What TensorFlow Addons had for metric learning, under its names and with its numbers."""

from tfdml.compat.tensorflow_addons import losses

__all__ = ["losses"]
