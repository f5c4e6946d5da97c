"""The image sets that a recipe names."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np

from tfdml import data
from tfdml.data.catalog import EMBEDDED, NAMES, check_name, open_set
from tfdml.data.image_file import SUFFIXES

PARTS = ("train", "validation", "test")


def is_stored(name):
    """Whether a recipe's data are a set of the catalogue or an HDF5 file, not a folder of pictures."""
    return name in NAMES or Path(name).suffix.lower() in SUFFIXES


def open_data(recipe, note=print, split=None):
    """The splits of a recipe's data.

    Args:
        recipe: A `Recipe`.
        note: Function called with each sentence that the user should know.
        split: What `split_of` gave when the run was made, so that data that have changed since give the
            same parts. Defaults to `None`: a new run.

    Returns:
        `(whole, splits)`: the set of all pictures, and its `data.Splits`.
    """
    if not is_stored(recipe.data):
        whole, splits = _own(recipe, _from_folder(recipe, note), note, split)
    else:
        stored = open_set(recipe.data)
        if has_split(stored):
            if split is not None and split["digest"] != stored.digest:
                raise ValueError(
                    f"Expected {recipe.data} to be as it was when the run was made, received: other labels, "
                    "sources or parts"
                )
            if recipe.hold_out.by != "images":
                return stored.image_set, _as_published(recipe, stored)
            if {"train", "test"} <= set(stored.classification):
                return stored.image_set, _for_classification(recipe, stored, note)
            note(f"The split of {recipe.data} keeps classes apart: it is not used.")
            split = None  # the digest is the same, so the parts are
        elif len(stored.retrieval) > 1:
            parts = ", ".join(stored.retrieval)
            note(f"{recipe.data} has no part to test on: its split ({parts}) is not used.")
        whole, splits = _own(recipe, stored.image_set, note, split)
    if recipe.train_on == "trainval":
        trained = np.isin(whole.rows, splits.test.rows, invert=True)
        splits = dataclasses.replace(splits, train=whole.subset(np.flatnonzero(trained)))
    return whole, splits


def has_split(stored):
    """Whether a stored set says what to test on."""
    return bool({"test", "query"} & set(stored.retrieval))


def _as_published(recipe, stored):
    """The split that a set brings; where it has no validation part, classes of its training part are one."""
    if "train" not in stored.retrieval:
        raise ValueError(
            f"Expected {recipe.data} to have a part to train on, received: {', '.join(stored.retrieval)}"
        )
    held = recipe.hold_out
    gallery = stored.part("gallery") if "gallery" in stored.retrieval else None
    test = stored.part("test" if gallery is None or "query" not in stored.retrieval else "query")
    if "validation" in stored.retrieval:
        train, validation = stored.part(recipe.train_on), stored.part("validation")
    else:
        train = stored.part("train")
        kept = data.hold_out(train, held.validation or held.test, 0, "classes", recipe.seed)
        validation = kept.test if held.validation else train.subset([])
        if recipe.train_on == "train" and held.validation:
            train = kept.train
    shared = np.intersect1d(train.labels, test.labels).size > 0
    return data.Splits(train, validation, test, "images" if shared else "classes", gallery)


def _for_classification(recipe, stored, note):
    """The split that a set brings for classification: images of every class in each part."""
    note(f"The parts are those that {recipe.data} has for classification.")
    train, held = stored.part("train", "classification"), recipe.hold_out
    if "validation" in stored.classification:
        validation = stored.part("validation", "classification")
    else:
        kept = data.hold_out(train, held.validation or held.test, 0, "images", recipe.seed)
        validation = kept.test if held.validation else train.subset([])
        train = kept.train if held.validation else train
    if recipe.train_on == "trainval":
        rows = np.union1d(train.rows, validation.rows)
        train = stored.image_set.subset(np.searchsorted(stored.image_set.rows, rows))
    return data.Splits(train, validation, stored.part("test", "classification"), "images")


def _from_folder(recipe, note):
    if not Path(recipe.data).is_dir():
        if not Path(recipe.data).parent.name:  # one word: rather a name than a path
            try:
                check_name(recipe.data)
            except ValueError as error:
                raise ValueError(f"{error}; a folder or an HDF5 file of that name is not there") from None
        raise ValueError(
            "Expected data to be an image set (tfdml datasets lists them), an HDF5 file or a folder of "
            f"pictures, received: {recipe.data!r}"
        )
    skipped = []
    pictures = data.from_folder(recipe.data, recipe.image_size, recipe.fit, on_skip=skipped.append)
    for problem in skipped[:5]:
        note(f"Skipped a file. {problem}")
    if skipped:
        note(f"{len(skipped)} of {len(skipped) + len(pictures)} files were skipped: they cannot be read.")
    return pictures


def _own(recipe, pictures, note, split):
    """Pictures without a split: a part is held out."""
    if split is None:
        held = recipe.hold_out
        splits = data.hold_out(pictures, held.test, held.validation, held.by, recipe.seed)
    else:
        pictures, splits = _as_before(recipe, pictures, split, note)
    what = (
        f"{splits.test.num_classes} of {pictures.num_classes} classes were held out: the test shows how the "
        "embedding does on classes that it never saw."
        if splits.by == "classes"
        else f"With {pictures.num_classes} classes, images of each were held out ({len(splits.test)} of "
        f"{len(pictures)}): the test searches for them among the training images, whose classes are the same."
    )
    note(what)
    return pictures, splits


def split_of(recipe, whole, splits):
    """What tells whether the data are those of the run: which picture of a user's own is in which part, by
    its path, or a digest of data with their own split. `None` for the embedded set.
    """
    if recipe.data == EMBEDDED:
        return None
    if is_stored(recipe.data) and has_split(stored := open_set(recipe.data)):
        return {"digest": stored.digest}
    names, rows = _names(recipe, whole), {row: place for place, row in enumerate(whole.rows)}
    parts = {part: [names[rows[row]] for row in getattr(splits, part).rows] for part in PARTS}
    return {"by": splits.by, **parts}


def _as_before(recipe, pictures, split, note):
    """The pictures that a run was made with, and its splits: what came since is left out."""
    places = {name: place for place, name in enumerate(_names(recipe, pictures))}
    known = {name for part in PARTS for name in split[part]}
    gone = sorted(known - set(places))
    if gone:
        raise ValueError(
            f"Expected {recipe.data} to hold the {len(known)} pictures that the run was made with, "
            f"received: {len(gone)} of them are gone or cannot be read, such as {gone[0]}"
        )
    if len(places) > len(known):
        note(f"{len(places) - len(known)} pictures that came after the run was made are left out.")
    parts = (pictures.subset([places[name] for name in split[part]]) for part in PARTS)
    whole = pictures.subset(sorted(places[name] for name in known))
    return whole, data.Splits(*parts, by=split["by"])


def _names(recipe, pictures):
    """A name for each picture, none twice: a list that was ingested may have a picture in two classes."""
    if is_stored(recipe.data):
        names, seen = [], Counter()
        for source in pictures.sources:
            seen[source] += 1
            names.append(source if seen[source] == 1 else f"{source} ({seen[source]})")
        return names
    return [Path(source).relative_to(recipe.data).as_posix() for source in pictures.sources]
