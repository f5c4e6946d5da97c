"""The harness that measures effects: what it runs, skips, chooses and writes."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # benchmarks are no part of the package

import tfdml
from benchmarks.effects import plan as plans
from benchmarks.effects import running, samples, sets, tables
from benchmarks.effects.__main__ import main

PLAN = """
title: Two losses
about: A test.
data: [shapes]
seeds: [0, 1]
image_size: 16
width: 0.1
dim: 8
epochs: 1
classes_per_batch: 4
images_per_class: 2
variants:
  NT-Xent: {loss: {class: NTXentLoss}}
  ArcFace: {loss: {class: ArcFaceLoss}, head: {class: Proxies}, search: {loss.scale: [8, 16]}}
"""


@pytest.fixture
def shapes(tmp_path):
    """An .npz file of 20 classes of grey pictures."""
    rng = np.random.default_rng(0)
    pictures = np.repeat(rng.integers(0, 256, (20, 20, 20), "uint8"), 4, axis=0)
    np.savez(tmp_path / "shapes.npz", images=pictures[..., None], labels=np.repeat(np.arange(20), 4))
    return tmp_path / "shapes.npz"


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """A function that loads a plan; its results go to a folder of the test."""
    monkeypatch.setattr(plans, "RESULTS", tmp_path / "results")

    def load(text=PLAN):
        (tmp_path / "two.yaml").write_text(text)
        return plans.Plan.load(tmp_path / "two.yaml")

    return load


def test_parts_share_no_class_and_count_labels_from_0(shapes):
    parts = sets.load("shapes", shapes, size=16)
    counts = [part.num_classes for part in (parts.train, parts.validation, parts.test)]
    assert counts == [8, 2, 10] and parts.train.image_shape == (16, 16, 3)
    assert set(parts.train.labels) == set(range(8))
    pictures = [{picture.tobytes() for picture in part.images()} for part in (parts.train, parts.test)]
    assert not pictures[0] & pictures[1]


def test_runs_chooses_tabulates_and_goes_on(plan, shapes, tmp_path, capsys):
    words = ["run", str(tmp_path / "two.yaml"), "--data", f"shapes={shapes}"]
    plan()
    main([*words, "--seeds", "0"])
    done = sorted(path.name for path in (tmp_path / "results").rglob("*.json"))
    assert done == ["arcface-0-trial0.json", "arcface-0-trial1.json", "arcface-0.json", "nt_xent-0.json"]
    trial = json.loads(next((tmp_path / "results").rglob("*trial0.json")).read_text())
    assert "validation" in trial and "test" not in trial  # test classes are not looked at to choose

    capsys.readouterr()
    main(words)
    assert capsys.readouterr().out.count("map@r") == 2  # the other seed alone
    main(words)
    assert not capsys.readouterr().out

    main(["table", str(tmp_path / "two.yaml"), "--out", str(tmp_path / "page")])
    page = (tmp_path / "page" / "two.md").read_text()
    for name in ("NT-Xent", "ArcFace"):
        assert re.search(rf"\| {name} \| [01]\.\d{{3}} \| [01]\.\d{{3}} to .* \| 2 \|", page)
    assert (tmp_path / "page" / "two.png").is_file()

    changed = plan(PLAN.replace("epochs: 1", "epochs: 2"))
    assert all(run.result() is None for run in changed.runs("shapes", "NT-Xent"))


def test_the_best_on_validation_is_chosen(plan):
    loaded = plan()
    for trial, score in zip(loaded.trials("shapes", "ArcFace"), (0.2, 0.3), strict=True):
        assert loaded.chosen("shapes", "ArcFace") is None and loaded.runs("shapes", "ArcFace") == []
        running.write(trial, {"validation": {"map@r": score}})
    assert loaded.chosen("shapes", "ArcFace")["loss"]["scale"] == 16
    assert loaded.chosen("shapes", "NT-Xent")["loss"] == {"class": "NTXentLoss"}


def test_a_default_that_changes_makes_another_run(plan, monkeypatch):
    (run,) = plan().runs("shapes", "NT-Xent", [0])
    before = run.hash
    assert plans.defaults(run.settings)["loss"]["temperature"] == tfdml.losses.NTXentLoss().temperature
    changed = (0.5, *tfdml.losses.NTXentLoss.__init__.__defaults__[1:])
    monkeypatch.setattr(tfdml.losses.NTXentLoss.__init__, "__defaults__", changed)
    assert run.hash != before


def test_a_setting_that_is_none(plan):
    with pytest.raises(ValueError, match=r"received: \['epoch'\]"):
        plan(PLAN.replace("epochs: 1", "epoch: 1"))


def test_an_interval_holds_the_mean_and_shrinks():
    few, many = (np.random.default_rng(0).normal(5, 1, count) for count in (5, 500))
    mean, low, high = tables.interval(few)
    assert low < mean < high and mean == pytest.approx(few.mean())
    _, *narrow = tables.interval(many)
    assert narrow[1] - narrow[0] < (high - low) / 2
    assert tables.interval([0.5, 0.5]) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("path", sorted(Path(plans.__file__).parent.glob("*.yaml")), ids=lambda p: p.stem)
def test_no_two_rows_of_a_plan_share_a_file(path):
    plan = plans.Plan.load(path)
    paths = [plans.Run(plan.name, "emoji", variant, 0, {}).path for variant in plan.variants]
    assert len(set(paths)) == len(paths)


def test_every_loss_is_in_the_first_table():
    plan = plans.Plan.load(Path(plans.__file__).parent / "losses.yaml")
    used = {variant["loss"]["class"] for variant in plan.variants.values()}
    bases = {"MetricLoss", "ClassLoss"}
    regularisers = {"CenterLoss", "DivergenceLoss", "IntraPairVarianceLoss"}  # beside another loss
    arguments = {"PairMining"}
    public = {name for name in tfdml.losses.__all__ if isinstance(getattr(tfdml.losses, name), type)}
    assert used == public - bases - regularisers - arguments


CLASSIFIERS = """
title: Two classifiers
about: A test.
task: benchmarks.effects.classifying
figure: accuracy
beside: [recall@1]
data: [drawn]
seeds: [0]
image_size: 8
dim: 8
epochs: 2
columns: {per_class: [2, 3, 9]}
search_at: 2
skip: {drawn: [9]}
variants:
  softmax: {head: {class: Dense}, search: {learning_rate: [0.01, 0.1]}}
  NNGK: {head: {class: NNGKClassifier, neighbors: 4}, every: never}
"""


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """An .npz file of six classes, each of one picture by ten people; and its labels and sources."""
    rng = np.random.default_rng(0)
    pictures = np.repeat(rng.integers(0, 256, (6, 8, 8, 1), "uint8"), 10, axis=0)
    arrays = {"labels": np.repeat(np.arange(6), 10), "source": np.tile(np.arange(10), 6)}
    np.savez(tmp_path / "drawn.npz", images=pictures, **arrays)
    monkeypatch.setattr(samples, "features", lambda images, size: images.reshape(len(images), -1) / 255.0)
    return tmp_path / "drawn.npz", *arrays.values()


def test_classifiers_are_tested_on_those_who_drew_nothing_to_train_on(plan, drawn, tmp_path):
    path, labels, sources = drawn
    two = plan(CLASSIFIERS)
    assert two.rows == ["softmax", "NNGK"] and len(two.variants) == 6
    running.run(two, {"drawn": path})
    assert len(list((tmp_path / "results").rglob("*trial*"))) == 2  # at one value of the columns
    found = tables.collect(two)["drawn"]
    assert sorted(found) == ["NNGK, 2", "NNGK, 3", "softmax, 2", "softmax, 3"]
    assert {result["settings"]["per_class"] for result in found["softmax, 3"]} == {3}
    assert all(result["test"]["accuracy"] > 0.9 for row in found.values() for result in row)
    page = tables.write(two, tmp_path / "page").read_text()
    assert page.count("| softmax | 1.000 | ") == 2 and (tmp_path / "page" / "two.png").is_file()
    assert "Recall@1 on test samples" in page and "batch_size 64" in page and "width" not in page

    train, validation, test = samples.of_held_out_sources(labels, sources, 3, seed=0)
    assert [len(part) for part in (train, validation, test)] == [18, 6, 18]
    assert not set(sources[train]) & set(sources[test]) and not set(sources[validation]) & set(sources[test])
    with pytest.raises(ValueError, match="Expected per_class to be at most 6, received: 9"):
        samples.of_held_out_sources(labels, sources, 9, seed=0)


def one_run(task, **settings):
    shared = {"image_size": 8, "dim": 8, "epochs": 1, "learning_rate": 0.01, "classes_per_batch": 2}
    return plans.Run("two", "drawn", "one", 0, plans.SETTINGS | shared | {"task": task, **settings})


def test_codes_are_asked_about_classes_that_training_never_saw(drawn):
    head = {"class": "NNGKClassifier", "neighbors": 4}
    settings = {"per_class": 6, "unknown": 0.5, "bytes": 2, "head": head}
    found = running.measured(one_run("benchmarks.effects.coding", **settings), drawn[0], {})["test"]
    assert found["accuracy"] > 0.9 and found["auc of confidence"] > 0.9
    assert found["confidence, known"] > found["confidence, unknown"] and found["kilobytes"] > 0


def test_an_embedding_is_ranked_on_classes_that_training_never_saw(drawn):
    loss = {"class": "TripletLoss"}
    found = running.measured(one_run("benchmarks.effects.ranking", loss=loss), drawn[0], {})
    assert found["test"]["recall@1"] > 0.9 and len(found["loss"]) == 1
