"""A run that was stopped, anywhere, ends where one that was not stopped does."""

import functools
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from tfdml.callbacks import Backup
from tfdml.experiment import RunFolder, finishing, load_recipe, resume, train, training
from tfdml.experiment.gallery import Gallery
from tfdml.experiment.progress import StopWhereDiverged
from tfdml_command import main

EPOCHS = 4
# The learning rate is halved after each epoch that is no better than a bar that none reaches.
CALLBACKS = json.dumps(
    [
        {
            "class_path": "keras.callbacks.EarlyStopping",
            "init_args": {
                "monitor": "val_map@r",
                "mode": "max",
                "patience": 3,
                "min_delta": 0.9,
                "restore_best_weights": True,
            },
        },
        {
            "class_path": "keras.callbacks.ReduceLROnPlateau",
            "init_args": {"monitor": "loss", "mode": "min", "patience": 1, "min_delta": 50, "factor": 0.5},
        },
    ]
)


@pytest.fixture(scope="module")
def recipe(photos, small):
    """A function that gives a recipe, with augmentation, callbacks that count and a rare evaluation."""
    arguments = [
        *small,
        f"--data={photos}",
        f"--schedule.epochs={EPOCHS}",
        "--schedule.warmup_epochs=0",
        "--schedule.decay=constant",
        f"--callbacks={CALLBACKS}",
        "--evaluation.every=2",
    ]
    return lambda *more: load_recipe(overrides=[*arguments, *more])


def silent(_):
    """Where notes go in these tests."""


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    """The run that nothing stopped."""
    return train(*recipe(), tmp_path_factory.mktemp("whole") / "run", note=silent, verbose=0)


def assert_same(run, whole):
    for ours, theirs in zip(run.read_history(), whole.read_history(), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    for ours, theirs in zip(run.load_model().weights, whole.load_model().weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    metrics = [json.loads(folder.metrics.read_text(encoding="utf-8")) for folder in (run, whole)]
    for name, figures in metrics[0].pop("test").items():
        assert figures == pytest.approx(metrics[1]["test"][name], abs=1e-5)
    assert metrics[0] == {key: value for key, value in metrics[1].items() if key != "test"}
    assert not run.state.exists() and run.report.is_file()
    assert not list(run.path.rglob(".*"))


def test_the_callbacks_of_this_file_count_something(whole):
    rates = [row["learning_rate"] for row in whole.read_history()]
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4, 2.5e-4])


class Stop:
    """In place of a function or method: raises KeyboardInterrupt at the call with this number."""

    def __init__(self, work, number=1):
        self.work, self.left = work, number

    def __get__(self, instance, _):
        return functools.partial(self, instance)

    def __call__(self, *args, **kwargs):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.work(*args, **kwargs)


def nothing(*_, **__):
    """What `StopWhereDiverged` does at a batch."""


# In this order: each time the run goes on until the next.
POINTS = {
    "in the first epoch, before there is a state": (StopWhereDiverged, "on_train_batch_end", nothing, 2),
    "in the second epoch after that": (StopWhereDiverged, "on_train_batch_end", nothing, 8),
    "between the best weights and the state": (Backup, "on_epoch_end", Backup.on_epoch_end, 2),
    "before the model is written": (RunFolder, "save_model", RunFolder.save_model, 1),
    "before the gallery is written": (Gallery, "save", Gallery.save, 1),
    "in the report": (finishing, "write_report", finishing.write_report, 1),
}


def test_a_run_that_is_interrupted_ends_where_it_would_have_ended(recipe, whole, tmp_path, monkeypatch):
    path = tmp_path / "run"
    for owner, name, work, number in POINTS.values():
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(owner, name, Stop(work, number), raising=False)
            if path.exists():
                resume(path, note=silent, verbose=0)
            else:
                train(*recipe(), path, note=silent, verbose=0)
        assert not RunFolder(path).report.exists()
    assert_same(resume(path, note=silent, verbose=0), whole)


def test_a_run_that_a_callback_ended_is_not_trained_further(recipe, tmp_path, monkeypatch):
    overrides = "--callbacks", CALLBACKS.replace('"patience": 3', '"patience": 1')
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(RunFolder, "save_model", Stop(RunFolder.save_model))
        train(*recipe(*overrides, "--evaluation.keep=last"), tmp_path / "run", note=silent, verbose=0)
    run = RunFolder(tmp_path / "run")
    backup = Backup(run.state)
    assert backup.epoch == 2 and backup.finished
    with np.load(run.state / "epoch-000002" / "callbacks.npz") as arrays:
        held = [arrays[f"1/best_weights/{i}"] for i in range(len(arrays))]
    resume(run.path, note=silent, verbose=0)
    assert [row["epoch"] for row in run.read_history()] == [0, 1]
    # EarlyStopping gave back the weights of the first epoch, which it held before the stop.
    for ours, theirs in zip(run.load_model().get_weights(), held, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


KILLED = """
import os, signal, sys
import keras
from tfdml_command import main

states, save = [], keras.Model.save_weights

def save_half(model, path, *args, **kwargs):
    save(model, path, *args, **kwargs)
    states.extend([path] if path.name == "model.weights.h5" else [])
    if len(states) == 2:
        os.truncate(path, path.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[1] == "half":
    keras.Model.save_weights = save_half
sys.exit(main(sys.argv[2:]))
"""


def start(how, *arguments):
    command = [sys.executable, "-c", KILLED, how, "train", *arguments]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_run_that_is_killed_ends_where_it_would_have_ended(recipe, whole, tmp_path):
    """Killed with half of a state written, then at a moment that the machine's pace chooses."""
    file, path = tmp_path / "recipe.yaml", tmp_path / "run"
    file.write_text(recipe()[1], encoding="utf-8")
    run = RunFolder(path)

    process = start("half", f"--recipe={file}", f"--out={path}")
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert sorted(p.name for p in run.state.glob("*-0*")) == ["epoch-000001", "part-000002"]

    process = start("anywhere", f"--resume={path}")
    for line in process.stdout:
        if line.startswith(f"Epoch 2/{EPOCHS}"):
            process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL and not run.report.exists()

    (run.state / ".7.best.weights.h5").write_bytes(b"half of the best weights")
    assert_same(resume(path, note=silent, verbose=0), whole)


def test_the_command_tells_how_to_go_on_and_refuses_the_state_of_another_recipe(
    photos, small, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "save_model", Stop(RunFolder.save_model))
        assert main(["train", *small, f"--data={photos}", f"--out={out}", "--schedule.epochs=1"]) == 130
    assert capsys.readouterr().err == f"\nInterrupted. To go on: tfdml train --resume {out}\n"
    assert main(["export", str(out)]) == 2
    assert f"tfdml train --resume {out}" in capsys.readouterr().err

    recipe = (out / "recipe.yaml").read_text(encoding="utf-8")
    for old, new, message in (
        ("dim: 8", "dim: 6", "to be the state of this model"),
        ("keep: best", "keep: last", "(RetrievalEvaluation, BestWeights), received: RetrievalEvaluation"),
    ):
        (out / "recipe.yaml").write_text(recipe.replace(old, new), encoding="utf-8")
        assert main(["train", "--resume", str(out)]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1

    (out / "recipe.yaml").write_text(recipe, encoding="utf-8")
    assert main(["train", "--resume", str(out)]) == 0
    assert "recall@1" in capsys.readouterr().out
    assert main(["train", "--resume", str(out)]) == 0
    assert "nothing left to do" in capsys.readouterr().out


def test_ctrl_c_before_there_is_a_run_says_that_nothing_was_written(
    photos, small, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(training, "open_data", Stop(training.open_data))
    assert main(["train", *small, f"--data={photos}", f"--out={tmp_path / 'run'}"]) == 130
    assert "Nothing was written" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_a_folder_that_is_no_run_cannot_be_resumed(tmp_path, capsys):
    assert main(["train", "--resume", str(tmp_path)]) == 2
    assert "no recipe.yaml" in capsys.readouterr().err
