"""100,000 real embeddings, and queries: pictures of the emoji set, each changed many times."""

import numpy as np

SIZE, QUERIES, DIM = 100_000, 1024, 128
SIDE = 96


def load(path=None):
    """A gallery `(100,000, 128)` and queries `(1,024, 128)`, unit vectors.

    They are features of EfficientNet-Lite0 as ImageNet trained it (`tfdml[pretrained]` has the weights) of
    the 5,920 emoji, turned, moved, stretched and tinted 17 times each, on their 128 first principal
    directions. No picture is twice the same. To compute them takes a quarter of an hour on two cores.

    Args:
        path: `.npz` file that they are kept in, or read from if it is there. Defaults to `None`.
    """
    if path and path.exists():
        with np.load(path, allow_pickle=False) as arrays:
            x = arrays["x"]
    else:
        x = projected(features())
        if path:
            np.savez(path, x=x)
    return x[:SIZE], x[SIZE : SIZE + QUERIES]


def features():
    """`(101,024, 1280)`."""
    import keras

    import tfdml

    keras.utils.set_random_seed(0)
    images = tfdml.data.load("emoji", split="all")
    pictures = images.images(range(len(images)))
    rng = np.random.default_rng(0)
    rounds = -(-(SIZE + QUERIES) // len(pictures))
    order = np.concatenate([rng.permutation(len(pictures)) for _ in range(rounds)])[: SIZE + QUERIES]
    change = changes()
    model = tfdml.models.embedding_model("efficientnet_lite0", dim=None, image_size=SIDE)
    found = []
    for start in range(0, len(order), 512):
        batch = pictures[order[start : start + 512]].astype("float32")
        batch = change(keras.ops.image.resize(batch, [SIDE, SIDE]), training=True)
        found.append(np.asarray(model.predict_on_batch(batch)))
    return np.concatenate(found)


def changes():
    """What is done to a picture, other each time."""
    from keras import Sequential, layers

    nearest = {"fill_mode": "nearest"}
    return Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.06, **nearest),
            layers.RandomZoom(0.2, **nearest),
            layers.RandomTranslation(0.1, 0.1, **nearest),
            layers.RandomBrightness(0.2),
            layers.RandomContrast(0.3),
        ]
    )


def projected(x, dim=DIM):
    """Unit vectors on the first principal directions, those of a tenth of the rows."""
    some = x[::10].astype("float64")
    mean = some.mean(axis=0)
    directions = np.linalg.eigh(np.cov((some - mean).T))[1][:, ::-1][:, :dim]
    x = ((x - mean) @ directions).astype("float32")
    return x / np.linalg.norm(x, axis=1, keepdims=True)
