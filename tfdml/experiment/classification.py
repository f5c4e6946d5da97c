"""How often a classifier is right, in training and after it."""

import warnings

import keras
import numpy as np

from tfdml import metrics
from tfdml.callbacks import RetrievalEvaluation
from tfdml.layers import NNGKClassifier
from tfdml.layers.center_copies import copied

FIGURES = "accuracy", "top5_accuracy"
TOP = 5
BATCH = 1024  # embeddings that are classified at a time


def accuracy(head, embeddings, labels):
    """Share of embeddings whose class is the most probable, and among the five most probable.

    Args:
        head: A layer from embeddings to scores `(batch, num_classes)`.
        embeddings: `(samples, dim)`.
        labels: Integers `(samples,)`; -1 for a class that the head does not know, which is never right.

    Returns:
        A dictionary of `accuracy` and `top5_accuracy`.
    """
    parts = [head(embeddings[start : start + BATCH]) for start in range(0, len(embeddings), BATCH)]
    scores = np.concatenate([keras.ops.convert_to_numpy(part) for part in parts])
    own = scores[np.arange(len(labels)), labels][:, None]
    # Of equal scores the own comes last: a class that nothing speaks for is not right.
    before = np.where(labels < 0, scores.shape[1], (scores >= own).sum(axis=1) - 1)
    return {"accuracy": float((before < 1).mean()), "top5_accuracy": float((before < TOP).mean())}


def counted(labels, trained):
    """Labels as a head counts them, from 0 over the classes that it was trained on; -1 for others."""
    classes = np.unique(trained)
    places = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    return np.where(classes[places] == labels, places, -1)


def with_centers(head, embeddings, labels, slots=None):
    """A copy of a classifier by neighbours with other centers; weights of samples stay with their slots."""
    twin = copied(head, search=None)
    with warnings.catch_warnings():
        # Where validation images are trained on, a class may have no image besides.
        warnings.filterwarnings("ignore", message=".* has no center of ")
        twin.set_centers(embeddings, labels, slots)
    return twin


def untrained(head, embeddings, labels):
    """A classifier by neighbours before it learns anything: of these centers, all of one weight."""
    config = {**head.get_config(), "capacity": len(embeddings), "bandwidth": "median", "search": None}
    new = type(head).from_config(config)
    new.build((None, embeddings.shape[1]))
    return with_centers(new, embeddings, labels)


class ClassifierEvaluation(RetrievalEvaluation):
    """Retrieval figures on the validation images, and how often the classifier in training is right there.

    Tied centers are those that a refresh would give now: what the classifier would be if training ended here.

    Args:
        dataset, gallery: Batches of the images to classify, and of those to find them among.
        head: The classifier in training.
        trained: Labels of all images that are trained on.
        slots: Which of these the gallery's images are.
        **options: As in `RetrievalEvaluation`.
    """

    def __init__(self, dataset, gallery, head, trained, slots, **options):
        super().__init__(dataset, gallery=gallery, **options)
        self.head, self.trained, self.slots = head, trained, slots

    def evaluate(self):
        queries, labels = metrics.embed(self.embedding_model, self.dataset)
        found, theirs = metrics.embed(self.embedding_model, self.gallery)
        head = self.head
        if follows(head):
            head = with_centers(head, found, counted(theirs, self.trained), self.slots)
        return {
            **metrics.retrieval(queries, labels, found, theirs, **self.options),
            **accuracy(head, queries, counted(labels, self.trained)),
        }

    def figure_names(self):
        return [*FIGURES, *super().figure_names()]


def follows(head):
    """Whether a head has centers that are the embeddings of their samples."""
    return isinstance(head, NNGKClassifier) and head.center_mode == "tied"
