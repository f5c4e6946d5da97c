"""Classes of a trained classifier that are added and dropped by hand, without training."""

import numpy as np

from tfdml import data
from tfdml.experiment.classifier import load_classifier, save_classifier
from tfdml.experiment.classifying import picture_files
from tfdml.experiment.gallery import Gallery
from tfdml.experiment.run_folder import RunFolder
from tfdml.experiment.versions import changing, go


def list_classes(path):
    """The classes of a run's classifier, and how many pictures each is.

    Args:
        path: Path of the run folder.

    Returns:
        A dictionary of counts by name, in the order of the probabilities.
    """
    classifier = load_classifier(path)
    counts = classifier.counts()
    return {name: int(count) for name, count in zip(classifier.class_names, counts, strict=True)}


def add_class(path, name, pictures):
    """Adds a class to the classifier of a run, or pictures to a class that it has. Nothing is trained.

    The pictures become examples beside those there are, as `Classifier.with_examples` does it; they need not
    stay where they are. `undo_classes` takes it back.

    Args:
        path: Path of the run folder.
        name: Name of the class.
        pictures: Paths of picture files, or of folders of them.

    Returns:
        How many pictures were added, and whether the class is new.

    Raises:
        ValueError: The run has no classifier by neighbours, or something is no picture.
    """
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ValueError(f"Expected name to be that of a class, received: {name!r}")
    run, files = RunFolder.open(path), picture_files(pictures)
    with changing(run):
        classifier, gallery = load_classifier(path), Gallery.load(run.gallery)
        fitted = np.stack([data.fit_picture(data.read_picture(f), gallery.side, gallery.fit) for f in files])
        images = np.asarray(data.resize(fitted, classifier.model.input_shape[1]), "float32")
        larger = classifier.with_examples(images, [name] * len(files))
        count = f"{len(files)} picture{'' if len(files) == 1 else 's'}"
        save_classifier(path, larger, f"add {name!r} ({count})")
        return len(files), name not in classifier.class_names


def drop_class(path, name):
    """Drops a class of a run's classifier with its pictures. `undo_classes` takes it back.

    Args:
        path: Path of the run folder.
        name: Name of the class.

    Returns:
        How many pictures it had.

    Raises:
        ValueError: It is none of the classes, or the last one.
    """
    with changing(RunFolder.open(path)):
        classifier = load_classifier(path)
        smaller = classifier.without_class(name)
        count = int(classifier.counts()[classifier.class_names.index(name)])
        save_classifier(path, smaller, f"drop {name!r}")
        return count


def undo_classes(path):
    """Takes back the last change to the classifier of a run, and the next time the one before.

    The last ten can be taken back.

    Args:
        path: Path of the run folder.

    Returns:
        Words for what was taken back.

    Raises:
        ValueError: There is nothing to take back.
    """
    return go(_with_classifier(path), -1)


def redo_classes(path):
    """Makes a change again that `undo_classes` took back.

    Args:
        path: Path of the run folder.

    Returns:
        Words for what was made again.

    Raises:
        ValueError: There is nothing, or another change was made since.
    """
    return go(_with_classifier(path), 1)


def _with_classifier(path):
    load_classifier(path)  # its errors tell what a run lacks
    return RunFolder.open(path)
