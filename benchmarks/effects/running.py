"""Doing what is still to be done of a plan."""

import importlib
import json
import time
from importlib.metadata import version

from benchmarks.effects import sets, training


def run(plan, paths, only=(), seeds=None):
    """Does every run of a plan that has no result yet: all rows of a seed before the next seed.

    Args:
        plan: A `Plan`.
        paths: `{name: path}` of the image sets that lie in .npz files.
        only: Variants to run. Defaults to all.
        seeds: Seeds to run. Defaults to those of the plan.
    """
    variants = [name for name in plan.variants if not only or name in only]
    rows = [(data, variant) for data in plan.data for variant in variants if plan.possible(data, variant)]
    loaded = {}

    def do(one):
        if one.result() is not None:
            return
        began = time.monotonic()
        result = measured(one, paths.get(one.data), loaded)
        write(one, result)
        took = time.monotonic() - began
        score = result["validation"][plan.figure]
        trial = "" if one.trial is None else f", trial {one.trial}"
        print(
            f"{one.data}, {one.variant}, seed {one.seed}{trial}: {plan.figure} {score:.3f} ({took:.0f} s)",
            flush=True,
        )

    for data, variant in rows:
        for trial in plan.trials(data, variant):
            do(trial)
    for seed in seeds or plan.seeds:
        for data, variant in rows:
            for one in plan.runs(data, variant, [seed]):
                do(one)


def measured(one, path, loaded):
    """The figures of a run: of the task that its settings name, or of an embedding of unseen classes."""
    if "task" in one.settings:
        return importlib.import_module(one.settings["task"]).measured(one, path)
    size = one.settings["image_size"]
    if (one.data, size) not in loaded:
        loaded[one.data, size] = sets.load(one.data, path, size)
    return training.train(one, loaded[one.data, size])


def write(one, result):
    """Keeps a result with what it came of; the file is whole or not there."""
    record = {
        "data": one.data,
        "variant": one.variant,
        "seed": one.seed,
        "hash": one.hash,
        "tfdml": version("tfdml"),
        "keras": version("keras"),
        "tensorflow": version("tensorflow"),
        "settings": one.settings,
        **result,
    }
    one.path.parent.mkdir(parents=True, exist_ok=True)
    part = one.path.with_suffix(".part")
    part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    part.replace(one.path)
