"""`tfdml export`: a SavedModel that embeds, searches and classifies, and needs nothing but TensorFlow."""

import dataclasses
from pathlib import Path

import keras
import tensorflow as tf

from tfdml import models
from tfdml.experiment.classifier import load_classifier
from tfdml.experiment.gallery import Gallery
from tfdml.experiment.run_folder import RunFolder
from tfdml.experiment.serving import Served
from tfdml.experiment.serving_classifier import ServedClassifier
from tfdml.files import written_whole


def export(path, out=None, k=8, classifier=False, bytes=None, note=print):
    """Writes a run's network and gallery as one SavedModel, and its classifier with them.

    `tf.saved_model.load(out)` gives an object with the functions below, in a process that need not know
    Keras or tfdml. Pictures may have any size: the model brings them to its own. The functions are its
    signatures too (`embed_uint8`, `search_uint8` and `classify_uint8` for bytes of pixels).

    - `embed(images)`: float32 or uint8 `(batch, height, width, 3)`, RGB from 0 to 255, to embeddings.
    - `embed_bytes(encoded)`: strings `(batch,)`, each a PNG, JPEG or BMP file, to embeddings. TensorFlow does
      not turn a JPEG as its camera was held: turn it before.
    - `search(images)`: the `k` nearest pictures of the gallery, a dictionary of `(batch, k)`: `ids` (places
      in the gallery), `labels`, `class_names`, `distances` (Euclidean), and `same`: whether the distance is
      within `threshold`.
    - `threshold`: the distance up to which two pictures are held to be of one class, a number: the largest
      at which no more than one in a thousand pairs of two classes was accepted on the validation pictures.
      It and `same` are missing where no such distance was found: too few pictures are held for validation,
      or they were trained on.
    - `classify(images)` and `classify_bytes(encoded)`, with `classifier`: a dictionary of `probabilities`
      `(batch, classes)`, in the order of `classes`, the names; `labels`, `class_names` and `confidence`
      `(batch,)` of the likeliest class; and of the pictures that voted, nearest first, `(batch, neighbors)`:
      `neighbor_ids` (places in the gallery, -1 for a picture that is not in it), `neighbor_labels`,
      `neighbor_class_names`, `neighbor_shares` and `neighbor_distances`.

    Args:
        path: Path of the run folder.
        out: Path of the SavedModel, which must not exist. Defaults to `export` in the run folder.
        k: Neighbours that `search` finds, 1 or more; no more than the gallery has. Defaults to `8`.
        classifier: Whether it classifies too, by the run's classifier by neighbours. Defaults to `False`.
        bytes: Bytes that each center of the classifier and each embedding of the gallery takes, as codes of
            `tfdml.search.OPQ`, or `None` for the embeddings as they are; only with `classifier`. Defaults to
            `None`.
        note: Function called with each sentence that the user should know. Defaults to `print`.

    Returns:
        The path that was written.

    Raises:
        ValueError: The run has no trained model, or no such classifier, or there is something at `out`.
    """
    run = RunFolder.open(path)
    out = Path(out) if out else run.path / "export"
    if out.exists():
        raise ValueError(f"Expected out to be a new folder, received: {out} (it exists)")
    if k < 1:
        raise ValueError(f"Expected k to be 1 or more, received: {k}")
    if bytes is not None and not classifier:
        raise ValueError(f"Expected bytes to be given with classifier, received: bytes={bytes} alone")
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"Expected KERAS_BACKEND to be tensorflow for an export, received: {keras.backend.backend()}"
        )
    if classifier:
        answering = compact(load_classifier(run.path), bytes, note)
        served = ServedClassifier(answering, Gallery.load(run.gallery), k, run.read_threshold())
        note(served.sizes())
    else:
        served = Served(run.load_model(), Gallery.load(run.gallery), k, run.read_threshold())
    with written_whole(out) as part:
        tf.saved_model.save(served, str(part), signatures=served.signatures())
    return out


def compact(classifier, bytes, note):
    """A `Classifier` whose centers take so many bytes each, if a number is given."""
    head = classifier.head
    if head.searches_outside:
        note(
            "The neighbours of training were found by an index outside the graph, which is not exported: the "
            "SavedModel searches exactly, in graph."
        )
    if bytes is None:
        return classifier
    # Four directions a byte find the neighbours as well as more do, with less beside the codes
    # (docs/compression.md); of few bytes all that deserve a bit are wanted.
    dim = 4 * bytes if 16 <= bytes <= head.dim // 4 else None
    return dataclasses.replace(classifier, model=models.compressed(classifier.model, bytes, dim))
