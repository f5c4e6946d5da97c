"""The image sets that a recipe names."""

import dataclasses
from pathlib import Path

import numpy as np

from tfdml import data
from tfdml.data.catalog import NAMES


def open_data(recipe, note=print):
    """The splits of a recipe's data.

    Args:
        recipe: A `Recipe`.
        note: Function called with each sentence that the user should know.

    Returns:
        `(whole, splits)`: the set of all pictures, and its `data.Splits`.
    """
    if recipe.data in NAMES:
        whole = data.load(recipe.data, "all")
        parts = (data.load(recipe.data, split) for split in (recipe.train_on, "validation", "test"))
        return whole, data.Splits(*parts, by="classes")
    whole, splits = _own(recipe, note)
    if recipe.train_on == "trainval":
        trained = np.isin(whole.rows, splits.test.rows, invert=True)
        splits = dataclasses.replace(splits, train=whole.subset(np.flatnonzero(trained)))
    return whole, splits


def _own(recipe, note):
    if not Path(recipe.data).is_dir():
        expected = " or ".join(map(repr, NAMES))
        raise ValueError(f"Expected data to be {expected} or a folder of pictures, received: {recipe.data!r}")
    skipped = []
    pictures = data.from_folder(recipe.data, recipe.image_size, recipe.fit, on_skip=skipped.append)
    for problem in skipped[:5]:
        note(f"Skipped a file. {problem}")
    if skipped:
        note(f"{len(skipped)} of {len(skipped) + len(pictures)} files were skipped: they cannot be read.")
    held = recipe.hold_out
    splits = data.hold_out(pictures, held.test, held.validation, held.by, recipe.seed)
    what = (
        f"{splits.test.num_classes} of {pictures.num_classes} classes were held out: the test shows how the "
        "embedding does on classes that it never saw."
        if splits.by == "classes"
        else f"With {pictures.num_classes} classes, images of each were held out ({len(splits.test)} of "
        f"{len(pictures)}): the test searches for them among the training images, whose classes are the same."
    )
    note(what)
    return pictures, splits
