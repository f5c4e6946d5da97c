"""Embeddings, labels and slots of a training set, by the part of a model before its classifier."""

import keras
import numpy as np

from tfdml.callbacks.inference import inference
from tfdml.layers.classifier_parts import embedding_of, feed

FORM = "batches ({'image': ..., 'index': ...}, labels)"


class CenterEmbedding:
    """Embeds a data set in inference mode, by a function that is traced once.

    Args:
        model: A Functional or Sequential model.
        layer: Its classifier.
        dataset: As in `CenterRefresh`.
    """

    def __init__(self, model, layer, dataset):
        self.dataset, self.shared = dataset, replicas_of(model)
        self.inputs, embedding = embedding_of(model, layer)
        named = {x.name: x for x in self.inputs.values()}
        if self.shared is None:
            self.model = keras.Model(named, embedding)
            self.embed = inference(self.model)
            return
        try:
            given, label = dataset.element_spec[:2]
            beside = {"index": given["index"], "label": label}
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            raise ValueError(
                f"Expected dataset to be a tf.data.Dataset of {FORM} where there are several replicas, "
                f"received: {getattr(dataset, 'element_spec', type(dataset))}"
            ) from error
        # What belongs together comes back together, in whatever order the replicas answer.
        with self.shared.scope():
            beside = {n: keras.Input(s.shape[1:], dtype=s.dtype.name, name=n) for n, s in beside.items()}
            same = [keras.layers.Identity(dtype=x.dtype)(x) for x in (beside["label"], beside["index"])]
            self.model = keras.Model(named | beside, [embedding, *same])

    def __call__(self):
        """Embeddings, labels and slots, as arrays."""
        if self.shared is not None:  # each replica embeds its share
            given = self.dataset.map(
                lambda x, y, *_: {**feed(self.inputs, x), "index": x["index"], "label": y}
            )
            return tuple(self.model.predict(given, verbose=0))
        parts = [self._batch(batch) for batch in self.dataset]
        if not parts:
            raise ValueError("Expected dataset to give at least one batch, received: none")
        columns = ([keras.ops.convert_to_numpy(x) for x in column] for column in zip(*parts, strict=True))
        return tuple(map(np.concatenate, columns))

    def _batch(self, batch):
        if not isinstance(batch, tuple | list) or len(batch) < 2 or not isinstance(batch[0], dict):
            raise ValueError(f"Expected dataset to give {FORM}, received: {type(batch)}")
        if "index" not in batch[0]:
            raise ValueError(f"Expected dataset to give the input 'index', received: {', '.join(batch[0])}")
        return self.embed(feed(self.inputs, batch[0])), batch[1], batch[0]["index"]


def replicas_of(model):
    """The `tf.distribute` strategy of a model, if it has several replicas."""
    strategy = getattr(model, "distribute_strategy", None)
    return strategy if strategy is not None and strategy.num_replicas_in_sync > 1 else None
