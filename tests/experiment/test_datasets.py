import json

import numpy as np
import pytest

from tfdml import data
from tfdml.data import ingest_csv
from tfdml.data.hdf5 import StoredSet
from tfdml.experiment import RunFolder, datasets, evaluate, load_recipe
from tfdml.experiment.datasets import open_data, split_of
from tfdml.experiment.evaluation import Trial


@pytest.fixture
def opened(write_photos, tmp_path, small):
    """A function: recipe, whole and splits of a folder of few classes, or of many."""

    def open_(classes, *overrides):
        folder = write_photos(tmp_path / "photos", classes)
        recipe, _ = load_recipe("small_cnn", [*small[1:], f"--data={tmp_path / 'photos'}", *overrides])
        return recipe, *open_data(recipe, note=lambda _: None), folder

    return open_


def paths(image_set):
    return {source.rsplit("photos", 1)[1] for source in image_set.sources}


@pytest.mark.parametrize("classes", [4, 21])
def test_pictures_added_since_leave_the_split_as_it_was(opened, write_photos, tmp_path, classes):
    recipe, whole, splits, folder = opened(classes)
    split = json.loads(json.dumps(split_of(recipe, whole, splits)))
    write_photos(tmp_path / "more", classes + 2)
    for added in (f"class {classes:02d}", f"class {classes + 1:02d}"):
        (tmp_path / "more" / added).rename(folder / f"a new {added}")  # first by name: all labels move
    notes = []
    whole_now, now = open_data(recipe, notes.append, split)
    assert len(whole_now) == len(whole) and now.by == splits.by
    for part in ("train", "validation", "test"):
        assert paths(getattr(now, part)) == paths(getattr(splits, part))
    assert any("10 pictures that came after the run was made" in note for note in notes)


def test_a_picture_that_is_gone_is_named(opened):
    recipe, whole, splits, folder = opened(4)
    split = split_of(recipe, whole, splits)
    (folder / "class 02" / "1.png").unlink()
    with pytest.raises(ValueError, match=r"the 20 pictures that the run was made with.* class 02/1\.png"):
        open_data(recipe, lambda _: None, split)


def test_a_picture_that_a_list_has_twice_is_two(photos, small, tmp_path):
    rows = [
        f"{file},{folder.name}" for folder in sorted(photos.iterdir()) for file in sorted(folder.iterdir())
    ]
    rows.append(f"{rows[0].rpartition(',')[0]},class 21")
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *rows]) + "\n", encoding="utf-8")
    path = ingest_csv(tmp_path / "list.csv", tmp_path / "list.hdf5", size=8)
    recipe, _ = load_recipe("small_cnn", [*small[1:], f"--data={path}"])
    whole, splits = open_data(recipe, lambda _: None)
    whole_now, now = open_data(recipe, lambda _: None, split_of(recipe, whole, splits))
    assert len(whole_now) == len(rows)
    for part in ("train", "validation", "test"):
        assert getattr(now, part).rows.tolist() == getattr(splits, part).rows.tolist()


@pytest.fixture
def opened_list(photos, small, tmp_path):
    """A function: the splits of 14 classes and of 8, five pictures of each in the parts it is given."""

    def open_(first, rest, note=lambda _: None):
        rows = ["path,label,split"]
        for place, folder in enumerate(sorted(photos.iterdir())):
            parts = zip(sorted(folder.iterdir()), first if place < 14 else rest, strict=True)
            rows += [f"{file},{folder.name},{part}" for file, part in parts]
        (tmp_path / "list.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        path = ingest_csv(tmp_path / "list.csv", tmp_path / "list.hdf5", size=8)
        return open_data(load_recipe("small_cnn", [*small[1:], f"--data={path}"])[0], note)[1]

    return open_


def test_a_gallery_beside_a_test_part(opened_list):
    splits = opened_list(["train"] * 5, ["test"] * 2 + ["gallery"] * 3)
    assert (len(splits.test), len(splits.gallery), splits.by) == (16, 24, "classes")


def test_a_split_without_a_test_part_is_not_used(opened_list):
    notes = []
    splits = opened_list(["train"] * 5, ["validation"] * 5, notes.append)
    assert len(splits.test) and "no part to test on: its split (train, validation) is not used" in notes[0]


def test_a_split_without_a_training_part(opened_list):
    with pytest.raises(ValueError, match=r"to have a part to train on, received: validation, test$"):
        opened_list(["validation"] * 5, ["test"] * 5)


def test_the_embedded_set_has_its_own_split(small):
    recipe, _ = load_recipe("small_cnn", small[1:])
    assert split_of(recipe, *open_data(recipe, lambda _: None)) is None


def test_a_run_keeps_its_split(run):
    split = RunFolder(run).read_split()
    assert split["by"] == "classes" and all(split[part] for part in ("train", "validation", "test"))
    figures = json.loads((run / "metrics.json").read_text())["test"]["trained"]
    assert evaluate(run)["trained"]["map@r"] == pytest.approx(figures["map@r"], abs=1e-6)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_no_image_is_in_its_own_gallery(opened, part):
    _, _, splits, _ = opened(4, "--train_on=trainval", "--hold_out.validation=0.2")
    trial = Trial.of(splits, part)
    assert len(trial.queries) and not np.isin(trial.queries.rows, trial.gallery.rows).any()


def test_a_file_with_a_split_of_its_own_may_not_change(photos, small, tmp_path):
    rows = ["path,label,split"]
    for place, folder in enumerate(sorted(photos.iterdir())):
        part = "train" if place < 14 else "test"
        rows += [f"{file},{folder.name},{part}" for file in sorted(folder.iterdir())]
    (tmp_path / "list.csv").write_text("\n".join(rows), encoding="utf-8")
    path = ingest_csv(tmp_path / "list.csv", tmp_path / "list.hdf5", size=16)
    recipe, _ = load_recipe("small_cnn", [*small[1:], f"--data={path}"])
    split = split_of(recipe, *open_data(recipe, lambda _: None))
    assert open_data(recipe, lambda _: None, split)[1].by == "classes"
    for written in (path, tmp_path / "list.report.json"):
        written.unlink()
    (tmp_path / "list.csv").write_text("\n".join(rows[:-1]), encoding="utf-8")
    ingest_csv(tmp_path / "list.csv", path, size=16)
    with pytest.raises(ValueError, match=r"list\.hdf5 to be as it was when the run was made"):
        open_data(recipe, lambda _: None, split)


def test_pictures_of_every_class_of_the_embedded_set_can_be_held_out(small):
    notes = []
    recipe, _ = load_recipe("nngk", ["--seed=3"])
    whole, splits = open_data(recipe, notes.append)
    assert splits.by == "images" and "keeps classes apart" in notes[0]
    assert set(splits.test.labels) == set(splits.validation.labels) == set(splits.train.labels)
    rows = [getattr(splits, part).rows for part in ("train", "validation", "test")]
    assert sorted(np.concatenate(rows)) == list(range(len(whole))) and len(rows[1]) == len(rows[2]) == 1069
    again = open_data(recipe, lambda _: None, split_of(recipe, whole, splits))[1]
    assert again.test.rows.tolist() == rows[2].tolist()


@pytest.mark.parametrize("train_on", ["train", "trainval"])
def test_a_split_for_classification_is_used_where_pictures_are_held_out(train_on, photos, monkeypatch):
    pictures = data.from_folder(photos, 16)
    place = np.arange(110)
    apart = {"train": place[:70], "test": place[70:]}
    stored = StoredSet(pictures, apart, {"train": place[place % 5 < 3], "test": place[place % 5 >= 3]}, [])
    monkeypatch.setattr(datasets, "open_set", lambda _: stored)
    words = [f"--train_on={train_on}", "--hold_out.by=images", "--hold_out.validation=0.3", "--data=emoji"]
    _, splits = open_data(load_recipe("small_cnn", words)[0], lambda _: None)
    assert splits.by == "images" and splits.test.rows.tolist() == stored.classification["test"].tolist()
    assert len(splits.validation) == 22 and len(splits.train) == (66 if train_on == "trainval" else 44)
    kept = np.union1d(splits.train.rows, splits.validation.rows)
    assert kept.tolist() == stored.classification["train"].tolist()
