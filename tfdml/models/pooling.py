"""From a feature map to one vector an image."""

from keras import layers

# Each a function from a feature map `(batch, rows, columns, channels)` to vectors `(batch, channels)`.
POOLINGS = {
    "avg": lambda features: layers.GlobalAveragePooling2D(dtype="float32", name="avg_pooling")(features),
    "max": lambda features: layers.GlobalMaxPooling2D(dtype="float32", name="max_pooling")(features),
    "avg_max": lambda features: layers.Add(dtype="float32", name="avg_max_pooling")(
        [POOLINGS["avg"](features), POOLINGS["max"](features)]
    ),
}


def pool(features, pooling):
    """Vectors `(batch, channels)` by the pooling of a name, or by a layer or function of one's own."""
    if callable(pooling):
        return pooling(features)
    if not isinstance(pooling, str) or pooling not in POOLINGS:
        raise ValueError(
            f"Expected pooling to be one of {', '.join(map(repr, POOLINGS))}, or a layer, "
            f"received: pooling={pooling!r}"
        )
    return POOLINGS[pooling](features)
