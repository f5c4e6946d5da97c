"""Names of libraries that came to their end, over our own."""

from tfdml.compat import tensorflow_addons

__all__ = ["tensorflow_addons"]
