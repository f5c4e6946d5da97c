"""A training set that is slightly changed after every few epochs."""

from dataclasses import replace

import numpy as np

from tfdml.checks import check_count, check_name, check_number
from tfdml.continual.part import Part
from tfdml.continual.scenario import Scenario, Task
from tfdml.continual.splitting import _parts, of_classes

UNITS = ("samples", "classes")


def drift(samples, stages=5, share=0.2, unit="samples", *, size=0.5, test=0.3, validation=0.0, seed=0):
    """A sequence of training sets, each the one before with a share of it exchanged.

    What leaves may come back: what comes in is drawn from all that is not in the set, first from what has
    waited longest. With samples exchanged, all stages are tested on the same samples; with classes, each on
    those of its classes.

    Args:
        samples: An `ImageSet`, or `(x, labels)` with pictures or precomputed features.
        stages: Integer from 1: how many sets. Defaults to `5`.
        share: Float from 0 to 1: the share of a set that is exchanged. Defaults to `0.2`.
        unit: `"samples"` of every class, or whole `"classes"`. Defaults to `"samples"`.
        size: Float above 0 and below 1: the share of the training samples, or of the classes, that a set has.
            Defaults to `0.5`.
        test, validation, seed: As in `tfdml.continual.split_classes`; the seed draws the exchange too.

    Returns:
        A `Scenario` of mode `"class"`, a task a stage.

    Example:

    >>> x, labels = np.random.default_rng(0).normal(size=(80, 4)), np.arange(80) % 4
    >>> scenario = tfdml.continual.drift((x, labels), stages=3, share=0.25)
    >>> sets = [set(task.train.index.tolist()) for task in scenario.tasks]
    >>> len(sets[0]), len(sets[1] - sets[0])
    (28, 8)

    Reference: the setting in which "the training set is slightly changed after each a few training epochs" of
        a review of nearest-neighbour Gaussian kernels; algorithm 1 there is for it.
    """
    stages, share = check_count("stages", stages), check_number("share", share, minimum=0)
    check_name("unit", unit, UNITS)
    size = check_number("size", size, above=0)
    if share > 1 or size >= 1:
        raise ValueError(f"Expected share up to 1 and size below 1, received: share={share}, size={size}")
    whole = Part.of(samples)
    names, labels = np.unique(whole.labels, return_inverse=True)
    parts = _parts(replace(whole, labels=labels), names, test, validation, seed)
    rng = np.random.default_rng(seed)
    everything = np.arange(len(names))
    if unit == "classes":
        sets = _exchanged(everything, stages, share, size, rng)
        made = [
            Task(n, f"stage {n}", np.sort(chosen), *(of_classes(part, chosen, n) for part in parts))
            for n, chosen in enumerate(sets)
        ]
    else:
        members = [np.flatnonzero(parts[0].labels == label) for label in everything]
        by_class = [_exchanged(of_class, stages, share, size, rng) for of_class in members]
        made = []
        for n, chosen in enumerate(zip(*by_class, strict=True)):
            train = parts[0].subset(np.sort(np.concatenate(chosen)))
            of_stage = [of_classes(part, everything, n) for part in (train, *parts[1:])]
            made.append(Task(n, f"stage {n}", everything, *of_stage))
    return Scenario(made, len(names), "class", len(parts[0]))


def _exchanged(units, stages, share, size, rng):
    """The units of each stage."""
    waiting = list(rng.permutation(units))
    kept = [waiting.pop(0) for _ in range(max(1, round(size * len(units))))]
    sets = [np.array(kept)]
    for _ in range(stages - 1):
        count = min(round(share * len(kept)), len(waiting))
        leaving = set(rng.permutation(len(kept))[:count].tolist())
        gone = [unit for place, unit in enumerate(kept) if place in leaving]
        kept = [unit for place, unit in enumerate(kept) if place not in leaving]
        kept += [waiting.pop(0) for _ in range(count)]
        waiting += gone
        sets.append(np.array(kept))
    return sets
