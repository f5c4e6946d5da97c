import io
import re
import sys

import keras
import numpy as np
import pytest

from tfdml.experiment.progress import BestWeights, Progress, seconds
from tfdml.files import remove_parts, written_whole


class Terminal(io.StringIO):
    def isatty(self):
        return True


def play(progress, steps=10, epochs=2):
    """Calls what `fit` would call."""
    for epoch in range(epochs):
        progress.on_epoch_begin(epoch)
        for batch in range(steps):
            progress._next = 0  # as if time had passed
            progress.on_train_batch_end(batch, {"loss": 2.5})
        progress.on_epoch_end(epoch, {"loss": 1.25, "val_recall@1": 0.5, "val_map@r": 0.25})
    progress.on_train_end()


def test_a_bar_moves_on_a_terminal_and_leaves_one_line_an_epoch(monkeypatch):
    terminal, lines = Terminal(), []
    monkeypatch.setattr(sys, "stdout", terminal)
    play(Progress(lambda line: lines.append(line), epochs=12, steps=10, live=True))
    assert re.fullmatch(r"Epoch  1/12  loss 1\.250  R@1 0\.500  MAP@R 0\.250  0\.\d s", lines[0])
    assert len(lines) == 2
    frames = terminal.getvalue().split("\r")
    assert f"Epoch  1/12  {'#' * 12}{'.' * 12}  5/10  loss 2.500" in [frame.rstrip() for frame in frames]
    assert max(map(len, frames)) < 80
    # What is on the screen at the end is nothing: each frame covers the one before, the last is blank.
    screen = ""
    for frame in frames:
        screen = frame + screen[len(frame) :]
    assert not screen.strip()


@pytest.mark.parametrize("live", [True, False])
def test_nothing_moves_in_a_pipe(live, capsys):
    lines = []
    play(Progress(lines.append, epochs=2, steps=3, live=live))
    assert len(lines) == 2 and capsys.readouterr().out == ""


def test_durations_read_well():
    assert [seconds(t) for t in (0.04, 59.9, 60, 119.7)] == ["0.0 s", "59.9 s", "1 min 0 s", "2 min 0 s"]


def test_the_best_weights_are_those_of_the_largest_figure(tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    best = BestWeights(tmp_path / "state" / "best.weights.h5", "val_map@r", "MAP@R")
    best.set_model(model)
    for epoch, figure in enumerate([0.25, 0.5, 0.5, 0.125]):
        model.set_weights([np.full((1, 1), epoch, "float32")])
        best.on_epoch_end(epoch, {"val_map@r": figure})
    assert (best.best, best.best_epoch) == (0.5, 1)
    best.on_train_end()
    assert model.get_weights()[0] == 1
    assert [path.name for path in best.path.parent.iterdir()] == ["best.weights.h5"]


def test_a_file_that_fails_is_not_there_and_one_that_was_stays(tmp_path):
    path = tmp_path / "figures.json"
    for present in (False, True):
        with (
            pytest.raises(OSError, match=r"Cannot write .*figures\.json: no room"),
            written_whole(path) as part,
        ):
            part.write_text("half")
            raise OSError(28, "no room")
        assert path.exists() == present and len(list(tmp_path.iterdir())) == present
        path.write_text("whole")
    assert path.read_text() == "whole"


def test_a_folder_takes_its_place_whole(tmp_path):
    for content in "ab":
        with written_whole(tmp_path / "new" / "export") as part:
            part.mkdir()
            (part / content).write_text(content)
    assert [p.name for p in (tmp_path / "new" / "export").iterdir()] == ["b"]
    with pytest.raises(KeyboardInterrupt), written_whole(tmp_path / "other") as part:
        part.mkdir()
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def test_only_what_was_begun_is_removed(tmp_path):
    for name in (".12.model.keras", "..34.report.html.34", ".hidden", "model.keras", "2.png"):
        (tmp_path / name).touch()
    (tmp_path / ".56.export").mkdir()
    remove_parts(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".hidden", "model.keras", "2.png"}
