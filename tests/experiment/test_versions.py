"""Two files that change together, whenever the process is killed: versions of a classifier."""

import json
from contextlib import suppress
from threading import Event, Thread

import pytest

from tfdml import files
from tfdml.experiment import RunFolder, versions
from tfdml.experiment.versions import changing, current, go, settle, write_version


def write(run, text):
    """A version whose model says the same as its names."""
    write_version(run, lambda path: path.write_text(text), {"class_names": [text]}, f"to {text}")


def opened(run):
    """What somebody who opens a run finds: the model and the names, of one version."""
    settle(run)
    model, facts = run.classifier.read_text(), json.loads(run.classes.read_text())
    assert facts["class_names"] == [model]
    return model


@pytest.fixture
def run(tmp_path):
    run = RunFolder(tmp_path)
    write(run, "first")
    assert not run.versions.exists()
    return run


def test_changes_are_taken_back_and_made_again(run):
    write(run, "second")
    write(run, "third")
    assert opened(run) == "third" and current(run) == (2, "to third")
    assert go(run, -1) == "to third" and opened(run) == "second"
    assert go(run, -1) == "to second" and opened(run) == "first"
    with pytest.raises(ValueError, match=r"to have a change to take back, received: none that is kept"):
        go(run, -1)
    assert go(run, 1) == "to second" and opened(run) == "second"
    write(run, "fourth")
    with pytest.raises(ValueError, match=r"to have a change to make again, received: none"):
        go(run, 1)
    assert go(run, -1) == "to fourth" and opened(run) == "second"
    assert go(run, -1) == "to second" and opened(run) == "first"


def test_the_last_ten_are_kept(run):
    for number in range(15):
        write(run, str(number))
    for number in range(13, 3, -1):
        go(run, -1)
        assert opened(run) == str(number)
    with pytest.raises(ValueError, match="none that is kept"):
        go(run, -1)
    for _ in range(10):
        go(run, 1)
    assert opened(run) == "14"


def test_a_disk_that_knows_no_links(run, monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr(versions.os, "link", refuse)
    write(run, "second")
    go(run, -1)
    assert opened(run) == "first"


class Killed(BaseException):
    """The process ends here."""


def die_at(patched, number):
    """Makes the step of a number on the disk the last one; whether there are as many is told afterwards."""
    steps = []

    def counted(original):
        def step(*args, **kwargs):
            steps.append(1)
            if len(steps) > number:
                raise Killed
            return original(*args, **kwargs)

        return step

    for owner, name in (
        (versions.os, "link"),
        (versions.shutil, "rmtree"),
        *((files.Path, name) for name in ("write_text", "replace", "rename", "mkdir", "unlink", "rmdir")),
    ):
        patched.setattr(owner, name, counted(getattr(owner, name)))
    patched.setattr(files, "remove", lambda path: None)  # a process that is killed does not tidy
    return lambda: len(steps) > number


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        (lambda run: write(run, "new"), "second", "new"),
        (lambda run: go(run, -1), "second", "first"),
        (lambda run: (go(run, -1), write(run, "new")), "second", "new"),
    ],
    ids=["change", "undo", "change after undo"],
)
def test_a_kill_at_any_step_leaves_one_version(change, old, new, tmp_path, monkeypatch):
    outcomes, number = [], 0
    while True:
        run = RunFolder(tmp_path / str(number))
        for text in "first", "second":
            write(run, text)
        with monkeypatch.context() as patched:
            ended = die_at(patched, number)
            with suppress(Killed):
                change(run)
        if not ended():
            break
        outcomes.append(opened(run))
        write(run, "later")  # and it can be changed again, and back
        assert opened(run) == "later"
        go(run, -1)
        assert opened(run) == outcomes[-1]
        number += 1
    between = [x for x in outcomes if x not in (old, new)]
    assert outcomes[0] == old and outcomes[-1] == new and number > 10
    assert set(between) <= {"first"}  # where it was undone first
    assert outcomes == [old] * outcomes.count(old) + between + [new] * outcomes.count(new)


def test_who_changes_a_classifier_has_it_alone(run):
    """A thread stands for another process: each waits for the other, and none finds half a change."""
    began, order = Event(), []

    def other():
        began.wait()
        write(run, "other")
        order.append("other")

    thread = Thread(target=other)
    thread.start()
    with changing(run):
        began.set()
        thread.join(0.3)
        assert opened(run) == "first" and not order
        write(run, "mine")
        order.append("mine")
    thread.join()
    assert order == ["mine", "other"] and opened(run) == "other" and current(run)[0] == 2
    assert go(run, -1) == "to other" and opened(run) == "mine"


def test_a_reader_waits_for_a_change_that_is_made(run, monkeypatch):
    """It must not end what another process is at, nor take its files away."""
    entered, go_on, found = Event(), Event(), []
    original = versions._settle

    def slow(run):
        if not entered.is_set():
            entered.set()
            go_on.wait()
        original(run)

    monkeypatch.setattr(versions, "_settle", slow)
    writer = Thread(target=write, args=(run, "second"))
    writer.start()
    entered.wait()
    reader = Thread(target=lambda: found.append(opened(run)))
    reader.start()
    reader.join(0.3)
    assert not found
    go_on.set()
    writer.join()
    reader.join()
    assert found == ["second"]
