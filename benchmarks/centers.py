"""What centers that go and come change nearby, and what a class of five pictures costs the others.

    python -m benchmarks.centers --out benchmarks/results/centers.json
    python -m benchmarks.centers --omniglot omniglot.npz --out benchmarks/results/centers.json

Features of EfficientNet-Lite0, frozen, at 96 pixels; a projection to 128 dimensions that is trained as part
of an NNGK classifier (eight epochs, 32 neighbours); test pictures are by artists or drawers that drew none of
the centers. `change` is the mean of `sum_l (p_l - p'_l)²` over test pictures, before and after; for single
centers over the test pictures that had the center among their neighbours.
"""

import argparse
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from keras import ops

from benchmarks.effects import classifying
from benchmarks.effects.samples import Samples
from tfdml.callbacks.center_draft import CenterDraft
from tfdml.continual import add_centers, drop_centers
from tfdml.layers import NNGKClassifier

SETTINGS = {
    "image_size": 96,
    "dim": 128,
    "epochs": 8,
    "learning_rate": 1e-3,
    "head": {"class": "NNGKClassifier"},
}
PER_CLASS = {"emoji": 3, "omniglot": 8}
SHARES = ("best", 0.05), ("best", 0.25), ("best", 0.5), ("random", 0.05), ("random", 0.25)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--omniglot", help=".npz of Omniglot, as the effects of classifiers take it")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    options = parser.parse_args()
    sets = {"emoji": None} | ({"omniglot": options.omniglot} if options.omniglot else {})
    results = {}
    for name, path in sets.items():
        rows = []
        for seed in range(options.seeds):
            rows.append(measured(name, path, seed))
            print(name, seed, flush=True)
        results[name] = {part: mean([row[part] for row in rows]) for part in rows[0]}
        print(name, json.dumps(results[name], indent=1), flush=True)
    if options.out:
        options.out.write_text(json.dumps(results, indent=2) + "\n")


def measured(name, path, seed):
    run = SimpleNamespace(data=name, seed=seed, trial=None)
    settings = classifying.SETTINGS | SETTINGS | {"per_class": PER_CLASS[name]}
    train, _, test = classifying.parts_of(run, settings, path)
    model = classifying.trained(run, settings, train)[0]
    z, asked = embedded(model, train.x), embedded(model, test.x)
    case = SimpleNamespace(
        z=z, labels=train.labels, asked=asked, answers=test.labels, rng=np.random.default_rng(seed)
    )
    return {
        "single": single(case),
        "dropped": dropped(case),
        "added": added(case),
        "order": order(case),
        "new class, projection": new_class(name, path, seed, run, settings),
        "new class, features": new_class(name, path, seed, None, settings),
    }


def embedded(model, x):
    return model.predict(x, batch_size=512, verbose=0)[1]


def layer_of(z, labels, spare=0, classes=None, soft=True):
    """A classifier of centers, with room for more."""
    classes = int(labels.max()) + 1 if classes is None else classes
    layer = NNGKClassifier(classes, capacity=len(z) + spare, soft_targets=soft)
    layer._warned = ("classes",)
    layer.build((None, z.shape[1]))
    layer.set_centers(z, labels)
    return layer


def ask(layer, asked):
    return CenterDraft(layer).predict(asked)


def of_labels(layer, asked):
    """What a classifier with labels says, which takes no distributions."""
    return ops.convert_to_numpy(layer(asked))


def change(before, after):
    return float(np.square(before - after).sum(axis=1).mean())


def answered(predictions, answers):
    own = predictions[np.arange(len(answers)), answers]
    return {
        "accuracy": float((predictions.argmax(axis=1) == answers).mean()),
        "loss": float(-np.log(np.maximum(own, 1e-7)).mean()),
    }


def single(case, count=60):
    """The change by one center that goes, with and without redistribution."""
    layer = layer_of(case.z, case.labels)
    before, sums = ask(layer, case.asked), {"without": 0.0, "with": 0.0}
    neighbors = layer.explain(case.asked).indices
    for slot in case.rng.permutation(len(case.z))[:count]:
        near = (neighbors == slot).any(axis=1)
        for kind in sums if near.any() else ():
            draft = CenterDraft(layer)
            draft.drop([slot], redistribute=kind == "with")
            sums[kind] += change(before[near], draft.predict(case.asked[near])) / count
    return sums


def going(case, how, share):
    """Slots of centers, the best predicted first or at random."""
    count = int(share * len(case.z))
    if how == "random":
        return case.rng.permutation(len(case.z))[:count]
    own = np.arange(len(case.z))
    return np.argsort(-CenterDraft(layer_of(case.z, case.labels)).predict(case.z, own)[own, case.labels])[
        :count
    ]


def dropped(case):
    """The change by many centers that go, and what it costs."""
    before = ask(layer_of(case.z, case.labels), case.asked)
    rows = {"none": answered(before, case.answers)}
    for how, share in SHARES:
        slots = going(case, how, share)
        for kind in "without", "with":
            layer = layer_of(case.z, case.labels)
            drop_centers(layer, slots, redistribute=kind == "with")
            after = ask(layer, case.asked)
            rows[f"{how} {share} {kind}"] = {"change": change(before, after), **answered(after, case.answers)}
    return rows


def added(case):
    """The change by a quarter of the centers that come, beside labels of one class or where they had been."""
    slots = going(case, "random", 0.25)
    rest = np.setdiff1d(np.arange(len(case.z)), slots)
    rows = {}
    for begin in "labels", "dropped":
        for kind in "without", "with":
            layer = layer_of(case.z, case.labels)
            drop_centers(layer, slots, redistribute=begin == "dropped")
            before = ask(layer, case.asked)
            done = add_centers(layer, case.z[slots], case.labels[slots], slots, redistribute=kind == "with")
            after = ask(layer, case.asked)
            rows[f"{begin} {kind}"] = {
                "change": change(before, after),
                "projected": done.projected / (len(slots) * layer.neighbors),
                "moved": float(
                    abs(layer.array("targets")[rest] - np.eye(layer.num_classes)[case.labels[rest]]).sum()
                ),
                **answered(after, case.answers),
            }
    return rows


def order(case):
    """How far labels and predictions differ by the order in which the same quarter of the centers goes."""
    slots, found, asked = going(case, "best", 0.25), [], []
    for _ in range(4):
        layer = layer_of(case.z, case.labels)
        drop_centers(layer, case.rng.permutation(slots))
        found.append(layer.array("targets")[layer.array("active")])
        asked.append(ask(layer, case.asked))
    rest = np.setdiff1d(np.arange(len(case.z)), slots)
    moved = abs(found[0] - np.eye(found[0].shape[1])[case.labels[rest]]).sum()
    before = ask(layer_of(case.z, case.labels), case.asked)
    return {
        "labels": float(np.mean([abs(found[0] - x).sum() for x in found[1:]]) / moved),
        "predictions": float(np.mean([change(asked[0], x) for x in asked[1:]]) / change(before, asked[0])),
    }


def new_class(name, path, seed, run, settings, examples=5):
    """Classes that training never saw, each added alone by five pictures, and all of them together."""
    features, labels, sources = classifying.load(name, path, settings["image_size"])
    rng = np.random.default_rng(seed)
    names, artist = np.unique(sources, return_inverse=True)
    table = np.full((labels.max() + 1, len(names)), -1)
    table[labels, artist] = np.arange(len(labels))
    table = rng.permutation(table[(table >= 0).all(axis=1)])
    table = table[:, rng.permutation(len(names))]
    new, old = table[: len(table) // 6], table[len(table) // 6 :]
    train, test = old[:, :examples].ravel(), old[:, examples:].ravel()
    old_labels = np.repeat(np.arange(len(old)), examples)
    test_labels = np.repeat(np.arange(len(old)), table.shape[1] - examples)
    if run is None:
        centered = features - features[train].mean(axis=0)
        embeddings = centered / np.linalg.norm(centered, axis=1, keepdims=True)
    else:
        model = classifying.trained(run, settings, Samples(features[train], old_labels))[0]
        embeddings = embedded(model, features)
    layer = layer_of(embeddings[train], old_labels, new[:, :examples].size, len(old) + len(new), soft=False)
    before = answered(of_labels(layer, embeddings[test]), test_labels)
    recalls, after = [], []
    for places in new:
        slots = layer.add(embeddings[places[:examples]], np.full(examples, len(old)))
        recalls.append((of_labels(layer, embeddings[places[examples:]]).argmax(axis=1) == len(old)).mean())
        after.append(answered(of_labels(layer, embeddings[test]), test_labels)["accuracy"])
        layer.drop(slots)
    new_labels = len(old) + np.arange(len(new))
    layer.add(embeddings[new[:, :examples].ravel()], np.repeat(new_labels, examples))
    right = of_labels(layer, embeddings[new[:, examples:].ravel()]).argmax(axis=1)
    return {
        "old classes": len(old),
        "old accuracy before": before["accuracy"],
        "one new: recall": float(np.mean(recalls)),
        "one new: old accuracy": float(np.mean(after)),
        "new classes": len(new),
        "all new: recall": float((right == np.repeat(new_labels, table.shape[1] - examples)).mean()),
        "all new: old accuracy": answered(of_labels(layer, embeddings[test]), test_labels)["accuracy"],
    }


def mean(rows):
    """Mean and standard deviation over seeds, of dictionaries of numbers."""
    if isinstance(rows[0], dict):
        return {key: mean([row[key] for row in rows]) for key in rows[0]}
    return [round(float(np.mean(rows)), 5), round(float(np.std(rows)), 5)]


if __name__ == "__main__":
    main()
