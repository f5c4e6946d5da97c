"""A refresh of centers against `predict` on the same pictures."""

import warnings

import numpy as np

from benchmarks.search.turns import turns

NETWORKS = ("small_cnn", 48, 5920), ("efficientnet_lite0", 96, 1500)


def measure(rounds):
    """A row a network: seconds of `predict`, and of a refresh, which also stores and reports."""
    import keras
    import tensorflow as tf

    import tfdml

    images = tfdml.data.load("emoji", split="all")
    for name, side, count in NETWORKS:
        keras.utils.set_random_seed(0)
        pictures = np.asarray(keras.ops.image.resize(images.images(range(count)), [side, side]))
        labels = np.asarray(images.labels[:count])
        network = tfdml.models.embedding_model(name, dim=128, image_size=side)
        layer = tfdml.layers.NNGKClassifier(int(labels.max()) + 1, capacity=count)
        index = keras.Input((), dtype="int64", name="index")
        model = keras.Model({"image": network.input, "index": index}, layer(network.output, index=index))
        samples = {"image": pictures, "index": np.arange(count)}
        batches = tf.data.Dataset.from_tensor_slices((samples, labels)).batch(64).prefetch(2)
        plain = batches.map(lambda sample, label: sample["image"])
        refresh = tfdml.callbacks.CenterRefresh(batches)
        refresh.set_model(model)
        with warnings.catch_warnings(action="ignore"):  # some classes have no picture among the first
            refresh.on_train_begin()
            sides = {
                "predict": lambda n=network, p=plain: n.predict(p, verbose=0),
                "refresh": refresh.refresh,
            }
            yield {"network": name, "pictures": count, "side": side, **turns(sides, rounds)}
