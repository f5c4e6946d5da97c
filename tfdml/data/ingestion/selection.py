"""Which pictures an ingestion takes, in which order, with which labels."""

import re
from dataclasses import dataclass

import numpy as np

ORDER = ("train", "validation", "test", "query", "gallery")


@dataclass(frozen=True)
class Selection:
    """The pictures of a file in the order of its rows.

    Attributes:
        samples: A `Sample` each, those of a split together.
        labels: Class of each, int64 from 0, places in `class_ids`.
        splits: Retrieval split of each.
        class_ids, class_names: Of each class: the id that the set gives it, and its name.
    """

    samples: list
    labels: np.ndarray
    splits: list[str]
    class_ids: list[str]
    class_names: list[str]

    def without(self, skipped):
        """The selection without the pictures at some places; its classes stay as they are."""
        keep = [place for place in range(len(self.samples)) if place not in skipped]
        samples, splits = [self.samples[i] for i in keep], [self.splits[i] for i in keep]
        return Selection(samples, self.labels[keep], splits, self.class_ids, self.class_names)

    @property
    def has_integer_ids(self):
        """Whether the ids can be labels: integers of 32 bits, none twice (`1` and `01` would be one)."""
        integers = all(re.fullmatch(r"[0-9]{1,9}", class_id) for class_id in self.class_ids)
        return integers and len(set(map(int, self.class_ids))) == len(self.class_ids)

    @property
    def ranges(self):
        """`{split: (start, stop)}` of the rows."""
        ends = {name: place + 1 for place, name in enumerate(self.splits)}
        starts = {name: place for place, name in reversed(list(enumerate(self.splits)))}
        return {name: (starts[name], ends[name]) for name in sorted(ends, key=starts.get)}


def select(classes, samples, splits, number=None, seed=0):
    """The pictures of all classes, or of some drawn at random.

    Args:
        classes: `{id: name}` of all classes in the order of the set, which is the order of the labels.
        samples: Every picture, a `Sample` each.
        splits: Retrieval split of each.
        number: Classes to draw, from each side of the split in proportion. Defaults to all.
        seed: Decides which. Defaults to `0`.

    Raises:
        ValueError: There are fewer classes, or a picture is of none of them.
    """
    sides = {}
    for sample, split in zip(samples, splits, strict=True):
        if sample.class_id not in classes:
            raise ValueError(
                f"Expected {sample.source} to be of a class that the set lists, received: {sample.class_id!r}"
            )
        sides.setdefault(sample.class_id, set()).add(split)
    present = [class_id for class_id in classes if class_id in sides]
    if number is not None:
        present = _draw(present, sides, number, np.random.default_rng(seed))
    labels = {class_id: label for label, class_id in enumerate(present)}

    rank = {name: place for place, name in enumerate(ORDER)}
    taken = [place for place, sample in enumerate(samples) if sample.class_id in labels]
    taken.sort(key=lambda place: (rank.get(splits[place], len(ORDER)), splits[place]))
    chosen = [samples[place] for place in taken]
    return Selection(
        chosen,
        np.array([labels[sample.class_id] for sample in chosen], "int64"),
        [splits[place] for place in taken],
        present,
        [classes[class_id] for class_id in present],
    )


def _draw(present, sides, number, rng):
    """Some of the classes, in their order: from those of each kind of split as many as it has a share."""
    if not 1 <= number <= len(present):
        raise ValueError(
            f"Expected n to be from 1 to the {len(present)} classes of the set, received: {number}"
        )
    groups = {}
    for place, class_id in enumerate(present):
        groups.setdefault(tuple(sorted(sides[class_id])), []).append(place)
    ends = np.cumsum([0, *(len(group) for group in groups.values())]) / len(present)
    shares = np.diff(np.rint(ends * number)).astype(int)
    drawn = [
        rng.choice(group, share, replace=False) for group, share in zip(groups.values(), shares, strict=True)
    ]
    return [present[place] for place in np.sort(np.concatenate(drawn))]
