"""The image input that every backbone and every embedding model shares."""

import keras


def image_input(image_size=None):
    """A Keras input named "image": pixels from 0 to 255, `(batch, height, width, 3)`, any size if None."""
    sizes = (image_size, image_size) if image_size is None or isinstance(image_size, int) else image_size
    try:
        height, width = sizes
    except (TypeError, ValueError):
        height = width = 0
    if any(isinstance(n, bool) or not (n is None or (isinstance(n, int) and n > 0)) for n in (height, width)):
        raise ValueError(
            "Expected image_size to be a number of pixels, a pair (height, width) or None, "
            f"received: image_size={image_size!r}"
        )
    return keras.Input((height, width, 3), dtype="float32", name="image")
