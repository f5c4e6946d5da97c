"""The scenarios of papers, on small archives in the layout of the publishers."""

import pytest
from data.sets.layouts import LAYOUTS, ingestion_of

from tfdml.continual import load_scenario
from tfdml.continual.catalog import SPLITS
from tfdml.data.catalog import SETS


@pytest.mark.parametrize("name", SPLITS)
def test_a_scenario_has_the_classes_of_its_set_in_its_tasks(name, tmp_path, monkeypatch):
    of, _ = SPLITS[name]
    expected = LAYOUTS[of](tmp_path / of)
    monkeypatch.setitem(SETS, of, ingestion_of(of, expected))
    SETS[of](tmp_path, size=8).start()
    if of == "fashion_mnist":  # whose small archive has test pictures of a class that is not trained
        with pytest.raises(ValueError, match="Expected test to have the classes of samples"):
            load_scenario(name, tasks=2, directory=tmp_path)
        return
    scenario = load_scenario(name, "task", tasks=2, directory=tmp_path)
    assert len(scenario) == 2 and scenario.mode == "task"
    assert scenario.num_classes == expected.classes == scenario.task_classes.sum()
    counts = {p: sum(len(getattr(task, p)) for task in scenario.tasks) for p in ("train", "test")}
    assert counts == expected.classification


def test_usual_tasks_have_all_classes():
    classes = {"fashion_mnist": 10, "cifar10": 10, "cifar100": 100, "core50": 50}
    for of, tasks in SPLITS.values():
        assert SETS[of].info.classes == classes[of]
        assert sum(tasks) == classes[of] if isinstance(tasks, list) else classes[of] % tasks == 0


def test_a_name_that_is_none():
    with pytest.raises(ValueError, match="Expected name to be one of 'split_fashion_mnist'"):
        load_scenario("split_emoji")
