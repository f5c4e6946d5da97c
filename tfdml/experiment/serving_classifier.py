"""A classifier by neighbours, its network and its gallery as functions of TensorFlow."""

import keras
import tensorflow as tf

from tfdml.experiment.serving import ENCODED, Served, traced_once
from tfdml.layers.classifier_parts import embedding_of

CODER = "rotation", "codebooks"


class ServedClassifier(Served):
    """A network, the classifier behind it, and its gallery.

    Where the classifier holds codes in place of centers, so is the gallery, by the same codebooks.

    Args:
        classifier: A `Classifier`.
        gallery, k, threshold: As in `Served`.
    """

    def __init__(self, classifier, gallery, k, threshold=None):
        head = classifier.head
        network = keras.Model(classifier.model.input, embedding_of(classifier.model, head)[1])
        # Without what only training looks up, the neighbours that an index found.
        kept = {name: getattr(head, name).value for name in head.state_names if name != "table"}
        coder = {name: kept[name] for name in CODER} if head.compression else None
        super().__init__(network, gallery, k, threshold, coder)
        self.centers = kept
        self._answer = traced_once(head.answer, network.output_shape)
        self.classes = tf.Variable(list(classifier.class_names), trainable=False)
        self.pictures = tf.Variable(classifier.pictures(gallery), trainable=False, dtype="int64")
        self.classify = tf.function(lambda images: self._classify(self._embed(images)))
        self.classify_bytes = tf.function(lambda encoded: self._classify(self._embed_bytes(encoded)))

    def signatures(self):
        answers = self.of_pixels("classify")
        answers["classify_bytes"] = self.classify_bytes.get_concrete_function(ENCODED)
        return {**super().signatures(), **answers}

    def sizes(self):
        """A sentence that says how many bytes centers and gallery take."""
        sizes = {name: taken(value) for name, value in self.centers.items()}
        stored = sizes.pop("codes" if self.coder else "centers")
        beside = sum(sizes.pop(name) for name in CODER) if self.coder else 0
        kind = "as codes" if self.coder else "as they are"
        return (
            f"{self.pictures.shape[0]:,} centers {kind}: {stored:,} bytes; "
            + (f"rotation and codebooks: {beside:,}; " if self.coder else "")
            + f"classes, weights and mask of the centers: {sum(sizes.values()):,}; "
            f"{self.labels.shape[0]:,} embeddings of the gallery {kind}: {taken(self.gallery):,}."
        )

    def _classify(self, embeddings):
        probabilities, confidence, votes = self._answer(embeddings)
        likeliest = tf.argmax(probabilities, axis=1)
        found = votes.indices >= 0
        pictures = tf.gather(self.pictures, tf.where(found, votes.indices, 0))
        names = tf.gather(self.classes, tf.where(found, votes.labels, 0))
        return {
            "probabilities": probabilities,
            "labels": likeliest,
            "class_names": tf.gather(self.classes, likeliest),
            "confidence": confidence,
            "neighbor_ids": tf.where(found, pictures, -1),
            "neighbor_labels": tf.cast(votes.labels, "int64"),
            "neighbor_class_names": tf.where(found, names, ""),
            "neighbor_shares": votes.shares,
            "neighbor_distances": votes.distances,
        }


def taken(variable):
    """Bytes of a variable."""
    return variable.dtype.size * variable.shape.num_elements()
