"""The image sets that a recipe names."""

import dataclasses
from pathlib import Path

import numpy as np

from tfdml import data
from tfdml.data.catalog import NAMES

PARTS = ("train", "validation", "test")


def open_data(recipe, note=print, split=None):
    """The splits of a recipe's data.

    Args:
        recipe: A `Recipe`.
        note: Function called with each sentence that the user should know.
        split: What `split_of` gave when the run was made, so that a folder that has changed since gives
            the same parts. Defaults to `None`: a new run.

    Returns:
        `(whole, splits)`: the set of all pictures, and its `data.Splits`.
    """
    if recipe.data in NAMES:
        whole = data.load(recipe.data, "all")
        parts = (data.load(recipe.data, split) for split in (recipe.train_on, "validation", "test"))
        return whole, data.Splits(*parts, by="classes")
    whole, splits = _own(recipe, note, split)
    if recipe.train_on == "trainval":
        trained = np.isin(whole.rows, splits.test.rows, invert=True)
        splits = dataclasses.replace(splits, train=whole.subset(np.flatnonzero(trained)))
    return whole, splits


def _own(recipe, note, split):
    if not Path(recipe.data).is_dir():
        expected = " or ".join(map(repr, NAMES))
        raise ValueError(f"Expected data to be {expected} or a folder of pictures, received: {recipe.data!r}")
    skipped = []
    pictures = data.from_folder(recipe.data, recipe.image_size, recipe.fit, on_skip=skipped.append)
    for problem in skipped[:5]:
        note(f"Skipped a file. {problem}")
    if skipped:
        note(f"{len(skipped)} of {len(skipped) + len(pictures)} files were skipped: they cannot be read.")
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
    """Which picture of a user's own is in which part, by its path in the folder; `None` for other data."""
    if recipe.data in NAMES:
        return None
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
    return [Path(source).relative_to(recipe.data).as_posix() for source in pictures.sources]
