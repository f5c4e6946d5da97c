"""What follows training: figures on held-out pictures, the gallery and the report."""

import json

import numpy as np

from tfdml.experiment.building import build_model
from tfdml.experiment.classification import accuracy, counted, untrained
from tfdml.experiment.classifier import read_classifier
from tfdml.experiment.datasets import open_data
from tfdml.experiment.evaluation import Trial, embed_pixels, embed_trial, embed_with
from tfdml.experiment.gallery import Gallery
from tfdml.experiment.heads import head_class
from tfdml.experiment.monitoring import knows_classes
from tfdml.experiment.report import ReportData, write_report
from tfdml.experiment.run_folder import RunFolder
from tfdml.layers import NNGKClassifier

NEIGHBORS = 8
SEEN = {
    "classes": "No class of the test images was seen in training.",
    "images": "The classes of the test images were seen in training, the images were not.",
}
SEARCHED = {
    "classes": "Each test image searches among the others.",
    "images": "Each test image searches among the training images.",
    "gallery": "Each query searches in the set's gallery.",
}


def finish(run, recipe, whole, splits, notes):
    """Measures a trained run, and writes its figures, gallery and report."""
    notes.tell("Measuring the trained model, the untrained one and raw pixels.")
    embeddings = embed_with(run.load_model())(whole)
    Gallery.of(recipe, whole, embeddings).save(run.gallery)

    trial = Trial.of(splits)
    trained = embed_trial(trial, lambda part: embeddings[places(whole, part)])
    embedded = {
        "trained": trained,
        "untrained": embed_trial(trial, embed_with(build_model(recipe))),
        "raw pixels": embed_trial(trial, embed_pixels),
    }
    results = measured(run, recipe, splits, embedded)
    held_out = {"by": splits.by, "images": len(trial.queries), "classes": trial.queries.num_classes}
    written = {"test": results, "held_out": held_out, "notes": list(notes)}
    if recipe.train_on == "train":  # else the validation images are nearer to each other than others will be
        validated = embed_trial(Trial.of(splits, "validation"), lambda part: embeddings[places(whole, part)])
        written.update(threshold=validated.threshold())
    run.write_json(run.metrics, written)
    notes.tell("Writing the report.")
    write_report(run.report, _report(run, recipe, splits, trained, results, notes))


def measured(run, recipe, splits, embedded):
    """Figures of embeddings by model: of retrieval, and of classification where the run's classifier can."""
    results = {name: trial.figures(recipe.evaluation.recall_at) for name, trial in embedded.items()}
    if not knows_classes(recipe, splits):
        return results
    head, trained = read_classifier(run).head, splits.train.labels
    for name, part in embedded.items():
        labels = counted(part.trial.queries.labels, trained)
        if name == "trained":
            results[name] = accuracy(head, part.queries, labels) | results[name]
        elif isinstance(head, NNGKClassifier):
            # The same examples, as another embedding or the bare pixels have them.
            other = untrained(head, part.gallery, counted(part.trial.gallery.labels, trained))
            results[name] = accuracy(other, part.queries, labels) | results[name]
    return results


def places(whole, part):
    """Where the images of a part stand in the whole set."""
    return np.searchsorted(whole.rows, part.rows)


def _report(run, recipe, splits, trained, results, notes):
    trial = trained.trial
    distances, places = trained.neighbors(NEIGHBORS)
    gallery = trial.gallery
    return ReportData(
        title=f"{trial.queries.name}: {recipe.backbone.name}",
        images=trial.queries.images,
        labels=trial.queries.labels,
        class_names=trial.queries.class_names,
        embeddings=trained.queries,
        neighbors=places,
        distances=distances,
        gallery_images=gallery.images if gallery else None,
        gallery_labels=gallery.labels if gallery else None,
        results=results,
        history=[{**row, "epoch": row["epoch"] + 1} for row in run.read_history()],  # counted from 1 there
        facts=[
            ("data", recipe.data),
            ("trained on", f"{len(splits.train)} images of {splits.train.num_classes} classes"),
            ("tested on", f"{len(trial.queries)} images of {trial.queries.num_classes} classes"),
            *([("head", head_class(recipe).__name__)] if head_class(recipe) else []),
            ("loss", type(recipe.loss).__name__),
            ("embedding", f"{trained.queries.shape[1]} numbers"),
        ],
        protocol=f"{SEEN[splits.by]} {SEARCHED[splits.by if splits.gallery is None else 'gallery']}",
        recipe=run.recipe.read_text(encoding="utf-8"),
        versions=json.loads(run.environment.read_text(encoding="utf-8")),
        notes=list(notes),
        seed=recipe.seed,
    )


def evaluate(path, part="test"):
    """Measures a trained run on its held-out pictures.

    Args:
        path: Path of the run folder.
        part: `"test"` or `"validation"`. Defaults to `"test"`.

    Returns:
        A dictionary of figures by model: `"trained"` and `"raw pixels"`.

    Raises:
        ValueError: The run has no trained model, or its data have changed.
    """
    if part not in ("test", "validation"):
        raise ValueError(f"Expected part to be 'test' or 'validation', received: {part!r}")
    run = RunFolder.open(path)
    model = run.load_model()
    recipe, _ = run.load_recipe()
    splits = open_data(recipe, lambda _: None, run.read_split())[1]
    trial = Trial.of(splits, part)
    if not trial.possible:
        raise ValueError(f"Expected {part} to hold two pictures of a class, received: {trial.queries}")
    embeds = {"trained": embed_with(model), "raw pixels": embed_pixels}
    return measured(run, recipe, splits, {name: embed_trial(trial, embed) for name, embed in embeds.items()})
