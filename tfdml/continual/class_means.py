"""The nearest class mean: a classifier that forgets nothing, as nothing is trained."""

import keras
import numpy as np
from keras import ops

from tfdml.checks import check_count
from tfdml.continual.strategy import Strategy
from tfdml.metrics.embedding import model_inputs
from tfdml.ops import squared_euclidean

NONE = -1e30  # the logit of a class of which no sample was seen


@keras.saving.register_keras_serializable(package="tfdml")
class ClassMeans(keras.layers.Layer):
    """Logits of classes: minus the squared distance to the mean embedding of each.

    Args:
        num_classes: Integer from 1.

    Input shape: embeddings `(batch, dim)`.

    Output shape: `(batch, num_classes)`, float32; -1e30 for classes of which no sample was seen.

    Example:

    >>> layer = tfdml.continual.ClassMeans(2)
    >>> layer.build((None, 1))
    >>> layer.add(np.array([[0.0], [2.0], [5.0]]), [0, 0, 1])
    >>> keras.ops.convert_to_numpy(layer(np.array([[1.5]]))).tolist()
    [[-0.25, -12.25]]

    Reference: Mensink et al., Distance-Based Image Classification, TPAMI 2013; Rebuffi et al., iCaRL, CVPR
        2017.
    """

    def __init__(self, num_classes, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.num_classes = check_count("num_classes", num_classes)

    def build(self, inputs_shape):
        def state(name, shape):
            return self.add_weight(
                name=name, shape=shape, dtype="float32", initializer="zeros", trainable=False, autocast=False
            )

        self.means = state("means", (self.num_classes, inputs_shape[-1]))
        self.counts = state("counts", (self.num_classes,))

    def call(self, inputs):
        distances = squared_euclidean(ops.cast(inputs, "float32"), self.means)
        return ops.where(self.counts > 0, -distances, NONE)

    def add(self, embeddings, labels):
        """Goes on with the means of embeddings `(samples, dim)` with labels `(samples,)`."""
        labels = np.asarray(labels)
        if len(labels) and not (labels.min() >= 0 and labels.max() < self.num_classes):
            raise ValueError(
                f"Expected labels to go from 0 to {self.num_classes - 1}, received: {np.unique(labels)}"
            )
        counts = ops.convert_to_numpy(self.counts).astype("float64")
        means = ops.convert_to_numpy(self.means).astype("float64")
        sums = means * counts[:, None]
        np.add.at(sums, labels, np.asarray(embeddings, "float64"))
        counts = counts + np.bincount(labels, minlength=self.num_classes)
        self.means.assign((sums / np.maximum(counts, 1)[:, None]).astype("float32"))
        self.counts.assign(counts.astype("float32"))

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0], self.num_classes)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}


class NearestClassMean(Strategy):
    """Trains nothing: the embeddings of each task are added to the means of their classes.

    Args:
        layer: The `ClassMeans` of the model.
        embed: A model that gives the embeddings that the layer takes.

    Example:

    ```python
    labels = np.arange(80) % 4
    x = np.random.default_rng(0).normal(size=(80, 8)) + 4 * np.eye(8)[labels]
    scenario = tfdml.continual.split_classes((x, labels), tasks=2)
    image, means = keras.Input((8,)), tfdml.continual.ClassMeans(4)
    model = keras.Model(image, means(image))
    strategy = tfdml.continual.NearestClassMean(means, keras.Model(image, image))
    print(tfdml.continual.run(scenario, model, strategy).summary()["forgetting"])
    ```

    Reference: Rebuffi et al., iCaRL, CVPR 2017 (the classifier alone).
    """

    trains = False

    def __init__(self, layer, embed):
        super().__init__()
        if not isinstance(layer, ClassMeans):
            raise ValueError(f"Expected layer to be ClassMeans, received: {layer!r}")
        self.layer, self.embed = layer, embed

    def end_task(self, task):
        embeddings = self.embed.predict(model_inputs(self.embed, task.train.inputs()), verbose=0)
        self.layer.add(embeddings, task.train.labels)
