"""A small model with a classifier by neighbours, and a training set for it."""

import keras
import numpy as np

from tfdml.layers import NNGKClassifier

RNG = np.random.default_rng(0)
LABELS = np.arange(40) % 4
IMAGES = (2 * np.eye(6)[LABELS] + RNG.normal(size=(40, 6))).astype("float32")
INDEX = RNG.permutation(50)[:40]
GIVEN = {"image": IMAGES, "index": INDEX}
BATCHES = [({k: v[s : s + 16] for k, v in GIVEN.items()}, LABELS[s : s + 16]) for s in (0, 16, 32)]


def build(cls=NNGKClassifier, seed=0, rate=0.02, dropout=0.0, **arguments):
    """A model with an index, and one that embeds."""
    keras.utils.set_random_seed(seed)
    whole = "int32" if keras.backend.backend() == "jax" else "int64"  # JAX has no other
    image, index = keras.Input((6,), name="image"), keras.Input((), dtype=whole, name="index")
    embedding = keras.layers.Dense(4)(keras.layers.Dropout(dropout)(image))
    layer = cls(num_classes=4, capacity=50, **{"neighbors": 8, "name": "classifier"} | arguments)
    model = keras.Model({"image": image, "index": index}, layer(embedding, index=index))
    model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, keras.Model(image, embedding), layer


def fit(model, callbacks, epochs=3, dataset=GIVEN, **arguments):
    return model.fit(
        dataset,
        LABELS,
        batch_size=16,
        epochs=epochs,
        shuffle=False,
        callbacks=callbacks,
        verbose=0,
        **arguments,
    ).history
