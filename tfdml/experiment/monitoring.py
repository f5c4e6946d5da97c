"""The callbacks of a run: what measures while training, keeps the best weights, and refreshes centers."""

import numpy as np

from tfdml.callbacks import CenterRefresh, RetrievalEvaluation
from tfdml.experiment.building import numbered
from tfdml.experiment.classification import ClassifierEvaluation
from tfdml.experiment.evaluation import Trial
from tfdml.experiment.heads import classifies
from tfdml.experiment.progress import BestWeights
from tfdml.layers import NNGKClassifier

BEST = "best.weights.h5"


def knows_classes(recipe, splits):
    """Whether the head classifies, and the images that were held out are of classes that it knows."""
    return classifies(recipe) and splits.by == "images"


def monitors_of(run, recipe, model, learner, splits):
    """The callback that measures while training, and the one that keeps the best weights; a list each."""
    trial = Trial.of(splits, "validation")
    if not trial.possible:
        return [], []
    options = {
        "every": recipe.evaluation.every,
        "recall_at": recipe.evaluation.recall_at,
        "embedding_model": model,
    }
    dataset, gallery = (
        part and part.ordered_batches(image_size=recipe.image_size, index=False)
        for part in (trial.queries, trial.gallery)
    )
    if knows_classes(recipe, splits):
        slots = np.searchsorted(splits.train.rows, trial.gallery.rows)
        evaluation = ClassifierEvaluation(
            dataset, gallery, learner.layers[-1], splits.train.labels, slots, **options
        )
        figure, title = "val_accuracy", "accuracy"
    else:
        evaluation = RetrievalEvaluation(dataset, gallery=gallery, **options)
        figure, title = "val_map@r", "MAP@R"
    best = recipe.evaluation.keep == "best"
    return [evaluation], [BestWeights(run.state / BEST, figure, title)] if best else []


def refreshes_of(recipe, learner, splits):
    """The callback that stores the embeddings of the training images as the centers of a head."""
    head = learner.layers[-1]
    if not isinstance(head, NNGKClassifier):
        return []
    batches = numbered(splits.train).ordered_batches(image_size=recipe.image_size)
    return [CenterRefresh(batches, every=recipe.schedule.refresh_every, layer=head)]
