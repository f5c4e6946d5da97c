"""Versions of the classifier of a run: a change is there as a whole or not at all, and can be taken back."""

import json
import os
import shutil
from contextlib import contextmanager, nullcontext, suppress

from filelock import FileLock

from tfdml.files import remove, remove_parts, written_whole

PENDING, PLAN, KEPT = "pending", "plan.json", 10


@contextmanager
def changing(run):
    """Alone with the classifier of a run, so that what is changed is what was read; it may be nested."""
    # The file stays: were it removed, two who had waited could both go on.
    with FileLock(run.path / ".classes.lock", is_singleton=True):
        yield


def write_version(run, save, facts, change):
    """Puts a classifier in place of the one that a run has, which stays as the version before.

    The new one is written whole to a folder of its own, whose renaming is the moment that counts: before it
    the run has the old one, and after it the new one, whoever opens it next, as `settle` ends what was begun.

    Args:
        run: The `RunFolder`.
        save: Function that writes the model to a path.
        facts: What the JSON file is to hold beside the number of the version.
        change: Words for what was done, such as `"add 'cup'"`.
    """
    with changing(run) if _is_there(run) else nullcontext():  # a first one is that of its training alone
        settle(run)
        remove_parts(run.versions)
        number = current(run)[0] + 1 if _is_there(run) else 0
        with written_whole(run.versions / PENDING) as part:
            part.mkdir()
            save(part / run.classifier.name)
            _write(part / run.classes.name, {**facts, "version": number, "change": change})
            _write(part / PLAN, {"forget_from": number})
        settle(run)


def go(run, step):
    """Goes to the version before, or with `step=1` back to the one after.

    Returns:
        Words for the change that was taken back, or made again.

    Raises:
        ValueError: There is none.
    """
    with changing(run):
        settle(run)
        remove_parts(run.versions)
        number, change = current(run)
        there = run.versions / str(number + step)
        if not there.is_dir():
            what = "change to take back" if step < 0 else "change to make again"
            raise ValueError(f"Expected {run.path} to have a {what}, received: none that is kept")
        with written_whole(run.versions / PENDING) as part:
            part.mkdir()
            for file in _pair(run):
                _copy(there / file.name, part / file.name)
            _write(part / PLAN, {"forget_from": None})
        settle(run)
        return change if step < 0 else current(run)[1]


def settle(run):
    """Ends a change that was begun: of a process that was killed, or of this one. Else it does nothing.

    While another process is at it, it waits.
    """
    if (run.versions / PENDING).is_dir():
        with changing(run):
            _settle(run)


def _settle(run):
    pending = run.versions / PENDING
    if not pending.is_dir():
        return
    remove_parts(run.versions)
    forget_from = json.loads((pending / PLAN).read_text(encoding="utf-8"))["forget_from"]
    if _is_there(run):
        _keep(run, current(run)[0], current(run, pending)[0])
    if forget_from is not None:  # what had been taken back cannot be made again after another change
        for number, folder in _kept(run):
            if number >= forget_from:
                shutil.rmtree(folder)
    for file in _pair(run):
        with written_whole(file) as part:
            _copy(pending / file.name, part)
    done = run.versions / f".{os.getpid()}.{PENDING}"
    pending.rename(done)
    shutil.rmtree(done)
    for number, folder in _kept(run):
        if number < current(run)[0] - KEPT:
            shutil.rmtree(folder)
    with suppress(OSError):  # of a first classifier there is nothing to go back to
        run.versions.rmdir()


def current(run, folder=None):
    """Number of the classifier that a run has, and words for the change that made it."""
    file = run.classes if folder is None else folder / run.classes.name
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        return int(facts.get("version", 0)), str(facts.get("change", ""))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"Expected {file} to be the classes of a classifier, received: {error}") from error


def _keep(run, number, following):
    """Keeps what the run has as a version of its number, unless it has been already."""
    if number == following or (run.versions / str(number)).is_dir():
        return
    with written_whole(run.versions / str(number)) as part:
        part.mkdir()
        for file in _pair(run):
            _copy(file, part / file.name)


def _kept(run):
    """Numbers and folders of the versions, oldest first."""
    return sorted((int(x.name), x) for x in run.versions.iterdir() if x.name.isdigit())


def _is_there(run):
    return all(file.is_file() for file in _pair(run))


def _pair(run):
    """The JSON file last: its number says that both are there."""
    return run.classifier, run.classes


def _copy(source, target):
    """One file under two names where the disk can; nobody writes into it, as all files are written anew."""
    remove(target)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _write(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
