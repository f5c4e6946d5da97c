"""A person's own pictures, from the folder to the search."""

import json

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from tfdml.experiment import export, find_similar, load_recipe, train
from tfdml.experiment.building import batch_shape
from tfdml.experiment.datasets import open_data
from tfdml.experiment.evaluation import Trial
from tfdml.experiment.finishing import evaluate


def held_out(photos, *overrides):
    """Notes, splits and batch of a recipe on a folder, without training."""
    notes = []
    recipe, _ = load_recipe(overrides=[f"--data={photos}", "--image_size=16", *overrides])
    whole, splits = open_data(recipe, notes.append)
    return notes, whole, splits, batch_shape(recipe.sampler, splits.train, notes.append)


def test_many_classes_are_held_out_by_classes(photos):
    notes, _, splits, (classes, images) = held_out(
        photos, "--sampler.classes_per_batch=32", "--sampler.images_per_class=4"
    )
    assert splits.by == "classes" and not set(splits.train.labels) & set(splits.test.labels)
    assert "7 of 22 classes were held out" in notes[0]
    assert (classes, images) == (13, 5) and "5 images of each of the 13 classes" in notes[1]
    assert Trial.of(splits).gallery is None


def test_few_classes_are_held_out_by_images_unless_told_otherwise(write_photos, tmp_path):
    photos = write_photos(tmp_path / "photos", 5)
    notes, _, splits, batch = held_out(photos, "--sampler.classes_per_batch=8")
    assert splits.by == "images" and set(splits.test.labels) == set(splits.train.labels)
    assert "images of each were held out" in notes[0] and batch[0] == 5
    assert set(Trial.of(splits).gallery.rows) == set(splits.train.rows)
    _, _, splits, _ = held_out(photos, "--hold_out.by=classes", "--sampler.classes_per_batch=2")
    assert splits.by == "classes" and splits.test.num_classes == 2


def test_trainval_adds_what_is_held_for_validation(photos):
    parts = held_out(photos)[2]
    both = held_out(photos, "--train_on=trainval")[2]
    assert sorted(both.train.rows) == sorted([*parts.train.rows, *parts.validation.rows])
    assert sorted(both.test.rows) == sorted(parts.test.rows)


@pytest.fixture(scope="module")
def odd(write_photos, small, tmp_path_factory):
    """A run on few classes with pictures of every kind, its notes, and its folder of pictures."""
    folder = tmp_path_factory.mktemp("odd")
    photos = write_photos(folder / "photos", 3, each=6)
    cv2.imwrite(str(photos / "class 00" / "grey.png"), np.full((20, 30), 90, "uint8"))
    cv2.imwrite(str(photos / "class 00" / "alpha.png"), np.full((20, 30, 4), 90, "uint8"))
    cv2.imwrite(str(photos / "class 01" / "dot.png"), np.full((1, 1, 3), 90, "uint8"))
    (photos / "class 01" / "cut.png").write_bytes((photos / "class 01" / "1.png").read_bytes()[:-200])
    (photos / "class 02" / "text.jpg").write_text("no picture")
    (photos / "class 02" / "notes.txt").write_text("not looked at")
    (photos / "single").mkdir()
    cv2.imwrite(str(photos / "single" / "1.png"), np.full((20, 30, 3), 90, "uint8"))
    notes = []
    recipe = load_recipe(overrides=[*small, f"--data={photos}", "--hold_out.validation=0", "--fit=pad"])
    return train(*recipe, folder / "run", note=notes.append), notes, photos


def count(photos):
    """Files that look like pictures."""
    return sum(path.suffix in (".png", ".jpg") for path in photos.rglob("*"))


def test_a_folder_of_odd_pictures_is_trained_on_and_says_what_it_skipped(odd):
    run, notes, photos = odd
    told = "\n".join(notes)
    assert str(photos / "class 01" / "cut.png") in told and str(photos / "class 02" / "text.jpg") in told
    assert f"2 of {count(photos)} files were skipped" in told and "notes.txt" not in told
    assert "With 4 classes, images of each were held out" in told
    assert "Nothing is measured while training" in told
    assert f"Run folder: {run.path}" in notes and any(note.startswith("Epoch 2/2  loss ") for note in notes)
    page = run.report.read_text(encoding="utf-8")
    assert f"2 of {count(photos)} files were skipped" in page and "searches among the training images" in page
    metrics = json.loads(run.metrics.read_text(encoding="utf-8"))
    assert metrics["held_out"]["by"] == "images" and metrics["held_out"]["classes"] == 3
    assert [sorted(row) for row in run.read_history()] == [["epoch", "loss"]] * 2


def test_its_pictures_are_found_again(odd):
    run, _, photos = odd
    for name in ("class 00/grey.png", "class 00/alpha.png", "class 01/dot.png", "single/1.png"):
        match = find_similar(run.path, photos / name, k=3)[0]
        assert match.distance < 1e-3, name
    sheet = photos.parent / "sheet.png"
    assert len(find_similar(run.path, photos / "single/1.png", k=99, out=sheet)) == count(photos) - 2
    assert sheet.is_file()


def test_it_can_be_evaluated_where_something_was_held_out(odd):
    run, _, _ = odd
    metrics = json.loads(run.metrics.read_text(encoding="utf-8"))["test"]
    assert evaluate(run.path)["trained"] == pytest.approx(metrics["trained"], abs=1e-5)
    with pytest.raises(ValueError, match="validation to hold two pictures of a class"):
        evaluate(run.path, "validation")


def test_two_classes_train_and_export_in_half_precision(write_photos, small, tmp_path):
    photos = write_photos(tmp_path / "photos", 2)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        recipe = load_recipe(overrides=[*small, f"--data={photos}", "--schedule.epochs=1"])
        run = train(*recipe, tmp_path / "run", note=lambda _: None, verbose=0)
        out = export(run.path)
    finally:
        keras.config.set_dtype_policy("float32")
    assert json.loads(run.environment.read_text(encoding="utf-8"))["precision"] == "mixed_bfloat16"
    model = run.load_model()
    assert any(layer.compute_dtype == "bfloat16" for layer in model.get_layer("small_cnn").layers)
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype("float32")
    expected = model.predict(images, verbose=0)
    assert expected.dtype == np.float32
    loaded = tf.saved_model.load(out)
    np.testing.assert_allclose(loaded.embed(images), expected, atol=1e-5)
