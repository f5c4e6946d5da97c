"""The classifier of a run: a network and the examples that its classes are."""

import dataclasses
import difflib
import json

import keras
import numpy as np

from tfdml.experiment.run_folder import RunFolder
from tfdml.experiment.versions import current, settle, write_version
from tfdml.layers import NNGKClassifier
from tfdml.layers.center_copies import copied, without_class
from tfdml.layers.classifier_parts import with_classifier
from tfdml.models import add_examples


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A classifier by neighbours, as `tfdml.experiment.load_classifier` gives it.

    Attributes:
        model: `keras.Model` from pixels, 0 to 255, to probabilities. Its last layer is the `head`.
        class_names: Names of the classes, in the order of the probabilities.
        places: Places in the gallery of the pictures whose embeddings are the centers, integers; -1 for none.
            Slots of the head beyond it have none either.
    """

    model: keras.Model
    class_names: list
    places: np.ndarray

    @property
    def head(self):
        """The layer that holds the examples."""
        return self.model.layers[-1]

    def pictures(self, gallery):
        """Place in a gallery of the picture behind each slot, `(capacity,)`; -1 for none."""
        places = np.full(self.head.capacity, -1)
        known = self.places[: self.head.capacity]
        places[: len(known)] = np.where(known < len(gallery.labels), known, -1)
        # Whatever was done to the head since: a slot that changed its class holds another picture.
        labels = keras.ops.convert_to_numpy(self.head.labels_at(np.arange(self.head.capacity)))
        same = [
            p >= 0 and gallery.name(p) == self.class_names[c] for p, c in zip(places, labels, strict=True)
        ]
        return np.where(same, places, -1)

    def with_examples(self, images, class_names):
        """The classifier with further pictures, of its classes or of new ones. Nothing is trained.

        Where its head has too little room the new one has a larger head and shares all other layers; else the
        pictures are stored in the head that there is.

        Args:
            images: Pixels, 0 to 255, of the size that `model` takes: `(samples, height, width, 3)`.
            class_names: Name of the class of each picture.

        Returns:
            A `Classifier`.
        """
        wanted, names = list(class_names), list(dict.fromkeys([*self.class_names, *class_names]))
        if len(wanted) != len(images):
            raise ValueError(
                f"Expected class_names to have {len(images)} names, one a picture, received: {len(wanted)}"
            )
        before = self.head.array("active")
        model = add_examples(self.model, images, np.array([names.index(name) for name in wanted], int))
        larger = dataclasses.replace(self, model=model, class_names=names)
        stored = larger.head.array("active")[: len(self.places)]
        # A slot that was free holds another picture now than it did in training.
        kept = np.where(stored & ~before[: len(self.places)], -1, self.places)
        return dataclasses.replace(larger, places=kept)

    def counts(self):
        """How many pictures each class is, integers `(classes,)`."""
        labels = keras.ops.convert_to_numpy(self.head.labels_at(np.flatnonzero(self.head.array("active"))))
        return np.bincount(labels, minlength=len(self.class_names))

    def without_class(self, name):
        """The classifier without a class and its pictures. It has a smaller head and shares all other layers.

        Args:
            name: Name of one of its classes.

        Returns:
            A `Classifier`.
        """
        check_class(name, self.class_names)
        if len(self.class_names) == 1:
            raise ValueError(f"Expected a classifier to keep a class, received: {name!r}, its only one")
        label = self.class_names.index(name)
        model = with_classifier(self.model, self.head, without_class(self.head, label))
        names = [kept for kept in self.class_names if kept != name]
        return dataclasses.replace(self, model=model, class_names=names)


def check_class(name, names):
    """Refuses a class that is none, and names those that it may have been meant to be."""
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3)
        near = near or [kept for kept in names if name.lower() in kept.lower()][:3]
        meant = f" (near it: {', '.join(map(repr, near))})" if near else ""
        raise ValueError(f"Expected name to be one of the {len(names)} classes, received: {name!r}{meant}")


def trained_classifier(model, head, class_names, places):
    """The `Classifier` of a network and the head that was trained behind it: it gives probabilities."""
    if isinstance(head, NNGKClassifier):
        twin = copied(head, activation="softmax")
        made = keras.Model(model.input, twin(model.output), name="classifier")
    else:
        twin = type(head).from_config({**head.get_config(), "activation": "softmax"})
        made = keras.Model(model.input, twin(model.output), name="classifier")
        twin.set_weights(head.get_weights())
    return Classifier(made, list(class_names), np.asarray(places))


def load_classifier(path):
    """The classifier by neighbours of a run.

    Args:
        path: Path of the run folder.

    Returns:
        A `Classifier`.

    Raises:
        ValueError: The run has no trained model, or none that classifies by neighbours.
    """
    run = RunFolder.open(path)
    settle(run)
    if not run.classifier.is_file():
        run.load_model()  # its error tells how to go on with a training that has not ended
        raise ValueError(
            f"Expected run to hold a classifier, received: {path} (it has no {run.classifier.name}; "
            "tfdml train --recipe nngk trains one)"
        )
    found = read_classifier(run)
    if not isinstance(found.head, NNGKClassifier):
        raise ValueError(
            f"Expected run to hold a classifier by neighbours, received: {path}, whose head is "
            f"{type(found.head).__name__} (tfdml train --recipe nngk trains one)"
        )
    return found


def read_classifier(run):
    """What `save_classifier` wrote to a `RunFolder`."""
    settle(run)
    while True:
        before, model = current(run), run.load(run.classifier)
        settle(run)
        names, places = _facts(run)
        if current(run) == before:  # else another process changed it between the two
            break
    _check_names(names, model)
    return Classifier(model, names, places)


def _facts(run):
    try:
        facts = json.loads(run.classes.read_text(encoding="utf-8"))
        return [str(name) for name in facts["class_names"]], np.asarray(facts["places"], int)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"Expected {run.classes} to be the classes of a classifier, received: {error}"
        ) from error


def save_classifier(path, classifier, change="save"):
    """Writes a classifier into a run folder, in place of the one that was there.

    Model and names change at once: a process that is killed leaves the one or the other. The one that was
    there is kept in `versions/`; `undo_classes` and `tfdml classes undo` go back to it.

    Args:
        path: Path of the run folder.
        classifier: A `Classifier`.
        change: Words for what was done to it. Defaults to `"save"`.

    Raises:
        ValueError: It has not as many names as classes.
    """
    run = RunFolder.open(path)
    _check_names(classifier.class_names, classifier.model)
    facts = {"class_names": list(classifier.class_names), "places": np.asarray(classifier.places).tolist()}
    write_version(run, classifier.model.save, facts, change)


def _check_names(names, model):
    classes = model.output_shape[-1]
    if len(names) != classes:
        raise ValueError(
            f"Expected class_names to have {classes} names, one a class of the model, received: {len(names)}"
        )
