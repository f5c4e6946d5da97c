"""The harness goes through tasks: its scenarios, its figures, every strategy of its plans."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[2]))  # benchmarks are no part of the package

import tfdml
from benchmarks.effects import continual, plan, samples

PLANS = sorted(Path(plan.__file__).parent.glob("continual*.yaml"))
BASE = plan.SETTINGS | {"image_size": 8, "dim": 4, "epochs": 1, "learning_rate": 0.01, "per_class": 6}


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """An .npz file of six classes in three groups, each of one picture by ten people."""
    rng = np.random.default_rng(0)
    pictures = np.repeat(rng.integers(0, 256, (6, 8, 8, 1), "uint8"), 10, axis=0)
    labels = np.repeat(np.arange(6), 10)
    arrays = {"labels": labels, "source": np.tile(np.arange(10), 6), "kind": labels // 2}
    np.savez(tmp_path / "drawn.npz", images=pictures, **arrays)
    monkeypatch.setattr(samples, "features", lambda images, size: images.reshape(len(images), -1) / 255.0)
    return tmp_path / "drawn.npz"


def one(settings, trial=None):
    return plan.Run("one", "drawn", "one", 0, BASE | settings, trial)


def test_a_run_has_all_figures_and_a_trial_none_of_the_test_samples(drawn):
    settings = {"groups": "kind", "tasks": None, "head": {"class": "Dense"}, "normalize": False}
    found = continual.measured(one(settings), drawn)
    loaded = plan.Plan.load(PLANS[0])
    assert {loaded.figure, *loaded.beside, "forward transfer"} <= found["test"].keys()
    assert np.shape(found["accuracies"]) == np.shape(found["recalls"]) == (3, 3)
    weights = 192 * 4 + 4 * 6 + 6
    assert found["test"]["kilobytes"] == pytest.approx(4 * weights / 1000)
    assert continual.measured(one(settings, trial=0), drawn).keys() == {"validation"}


def test_scenarios_are_tasks_of_groups_or_sets_that_drift(drawn):
    settings = continual.SETTINGS | BASE
    tasks = continual.scenario_of(one({}), settings | {"groups": "kind", "tasks": None}, drawn)
    assert {tuple(task.classes) for task in tasks.tasks} == {(0, 1), (2, 3), (4, 5)}
    assert all(len(task.validation) == 2 for task in tasks.tasks)
    drifting = {"drift": {"stages": 4, "share": 0.34, "size": 0.5}}
    stages = continual.scenario_of(one({}), settings | drifting, drawn)
    assert len(stages) == 4 and {len(task.train) for task in stages.tasks} == {18}


def test_centers_that_are_not_in_use_do_not_count():
    layer = tfdml.layers.NNGKClassifier(6, capacity=36, neighbors=4)
    model = keras.Sequential([keras.Input((4,)), layer])
    layer.set_centers(np.random.default_rng(0).normal(size=(36, 4)), np.arange(36) % 6)
    whole = continual.bytes_of(model)
    layer.drop(np.arange(24))
    # Of 4 numbers, half a square, a label, a weight, and a mask each.
    assert whole - continual.bytes_of(model) == pytest.approx(24 * 4 * 8, abs=1)


def strategies():
    """A row of each strategy that a plan has; with heads of tasks that which reads them apart."""
    found = {}
    for path in PLANS:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for settings in content["variants"].values():
            kind, mode = (
                settings.get("strategy", {"class": "FineTuning"})["class"],
                content.get("mode", "class"),
            )
            if mode == "class" or kind == "GEM":
                found[f"{kind}, {mode}"] = settings | {"mode": mode}
    return found


@pytest.mark.parametrize("settings", strategies().values(), ids=strategies())
def test_every_row_of_the_plans_can_be_run(settings, drawn):
    settings = {name: value for name, value in settings.items() if name != "search"}
    strategy = dict(settings.get("strategy", {"class": "FineTuning"}))
    for name, small in (("capacity", 6), ("samples", 3)):
        if name in strategy:
            strategy[name] = small
    given = settings | {"tasks": 2, "strategy": strategy}
    found = continual.measured(one(given, trial=0), drawn)
    assert 0 <= found["validation"]["accuracy"] <= 1


def test_arguments_that_are_searched_are_those_of_strategies():
    for path in PLANS:
        loaded = plan.Plan.load(path)
        for name, settings in loaded.variants.items():
            trials = loaded.trials(loaded.data[0], name)
            assert len(trials) in (0, 6)  # the same budget
            for trial in trials:
                if "strategy" in trial.settings:
                    plan.made(trial.settings["strategy"], tfdml.continual)
            assert settings.keys() <= plan.SETTINGS.keys() | continual.SETTINGS.keys() | {
                "search", "head", "loss", "normalize",
            }  # fmt: skip
