"""Classes that are added and dropped by hand, and taken back."""

import shutil

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from tfdml import experiment
from tfdml.experiment import (
    RunFolder,
    add_class,
    classify,
    drop_class,
    export,
    list_classes,
    load_classifier,
    redo_classes,
    undo_classes,
    versions,
)
from tfdml.layers.center_copies import copied
from tfdml.layers.classifier_parts import with_classifier


@pytest.fixture
def run(classifying, tmp_path):
    """A run that may be changed."""
    shutil.copytree(classifying, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def cups(tmp_path_factory):
    """A folder of five pictures that are like nothing else: bright stripes."""
    folder, rng = tmp_path_factory.mktemp("pictures") / "cups", np.random.default_rng(0)
    (folder / "deeper").mkdir(parents=True)
    for number in range(5):
        picture = np.zeros((20, 30, 3), "uint8")
        picture[:, ::4] = rng.integers(200, 256, 3)
        cv2.imwrite(str(folder / ("deeper" if number == 4 else "") / f"{number}.png"), picture)
    return folder


def state(path):
    """What a run that is opened anew answers and counts: equal states are one version."""
    kept = load_classifier(path)
    pixels = np.random.default_rng(1).uniform(0, 255, (3, 16, 16, 3)).astype("float32")
    return list_classes(path), keras.ops.convert_to_numpy(kept.model(pixels)), kept.places.tolist()


def same(first, second):
    return (
        first[0] == second[0]
        and first[2] == second[2]
        and first[1].shape == second[1].shape
        and np.allclose(first[1], second[1], atol=1e-6)
    )


def test_a_class_of_a_few_pictures_is_known_from_then_on(run, cups, tmp_path):
    before = list_classes(run)
    assert len(before) == 22 and set(before.values()) == {3}
    assert add_class(run, "cup", [cups]) == (5, True)
    assert list_classes(run) == before | {"cup": 5}
    assert [answer.classes[0][0] for answer in classify(run, [cups])] == ["cup"] * 5
    loaded = tf.saved_model.load(export(run, tmp_path / "model", classifier=True, note=lambda _: None))
    found = loaded.classify_bytes([(cups / "1.png").read_bytes()])
    assert found["class_names"].numpy().tolist() == [b"cup"]
    assert add_class(run, "class 03", [cups / "0.png"]) == (1, False)
    assert list_classes(run) == before | {"cup": 5, "class 03": 4}


def test_a_class_that_is_dropped_is_gone_and_the_others_answer_as_before(run):
    kept, place = load_classifier(run), 3
    pixels = np.random.default_rng(1).uniform(0, 255, (4, 16, 16, 3)).astype("float32")
    assert drop_class(run, "class 03") == 3
    smaller = load_classifier(run)
    assert smaller.class_names == [name for name in kept.class_names if name != "class 03"]
    labels = keras.ops.convert_to_numpy(kept.head.labels)
    kept.head.drop(np.flatnonzero(labels == place))  # by hand, which leaves an output that is zero
    expected = np.delete(kept.model.predict(pixels, verbose=0), place, axis=1)
    np.testing.assert_allclose(smaller.model.predict(pixels, verbose=0), expected, atol=1e-5)
    assert smaller.counts().tolist() == [3] * 21


def test_of_distributions_a_class_is_taken_out(run):
    kept = load_classifier(run)
    head, targets = kept.head, np.full((66, 22), 0.01)
    targets[np.arange(66), keras.ops.convert_to_numpy(kept.head.labels)] = 0.79
    soft = copied(head, {"targets": targets}, soft_targets=True)
    model = with_classifier(kept.model, head, soft)
    smaller = type(kept)(model, kept.class_names, kept.places).without_class("class 21")
    assert smaller.counts().tolist() == [3] * 21
    left = smaller.head.array("targets")[smaller.head.array("active")]
    np.testing.assert_allclose(left.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(left.max(axis=1), 0.79 / 0.99, atol=1e-6)


def test_changes_are_taken_back_and_made_again_in_order(run, cups):
    states = [state(run)]
    add_class(run, "cup", [cups])
    states.append(state(run))
    drop_class(run, "class 07")
    states.append(state(run))
    assert undo_classes(run) == "drop 'class 07'" and same(state(run), states[1])
    assert undo_classes(run) == "add 'cup' (5 pictures)" and same(state(run), states[0])
    with pytest.raises(ValueError, match=r"to have a change to take back, received: none that is kept"):
        undo_classes(run)
    assert redo_classes(run) == "add 'cup' (5 pictures)" and same(state(run), states[1])
    assert redo_classes(run) == "drop 'class 07'" and same(state(run), states[2])
    undo_classes(run)
    drop_class(run, "class 01")
    with pytest.raises(ValueError, match=r"to have a change to make again, received: none"):
        redo_classes(run)
    undo_classes(run)
    assert same(state(run), states[1])


def test_what_a_killed_process_had_begun_is_ended_when_the_run_is_opened(run, cups, monkeypatch):
    before = list_classes(run)
    with monkeypatch.context() as patched:
        patched.setattr(versions, "settle", lambda run: None)  # killed before it
        add_class(run, "cup", [cups])
    assert (RunFolder(run).versions / "pending").is_dir()
    assert list_classes(run) == before | {"cup": 5}
    assert undo_classes(run).startswith("add") and list_classes(run) == before


def test_what_cannot_be_changed_is_named(run, cups, tmp_path):
    with pytest.raises(
        ValueError, match=r"one of the 22 classes, received: 'clas 3' \(near it: .*'class 03'"
    ):
        drop_class(run, "clas 3")
    with pytest.raises(ValueError, match=r"one of the 22 classes, received: 'zebra'$"):
        drop_class(run, "zebra")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty to hold pictures, received: a folder without"):
        add_class(run, "cup", [tmp_path / "empty"])
    for name in "", "  ", "a\nb":
        with pytest.raises(ValueError, match=r"name to be that of a class, received"):
            add_class(run, name, [cups])
    kept = load_classifier(run)
    last = kept
    for name in kept.class_names[1:]:
        last = last.without_class(name)
    with pytest.raises(ValueError, match=r"to keep a class, received: 'class 00', its only one"):
        last.without_class("class 00")
    assert not RunFolder(run).versions.exists()
    assert experiment.list_classes(run) == dict.fromkeys(kept.class_names, 3)
