import json
import re
from importlib.metadata import version

import keras
import numpy as np
import pytest
import yaml

from tfdml.experiment import RunFolder, load_recipe, next_free, train
from tfdml.experiment.building import scheduled
from tfdml.experiment.gallery import Gallery


def test_a_complete_run_holds_what_is_needed_to_know_and_repeat_it(run, photos):
    folder = RunFolder.open(run)
    assert {path.name for path in run.iterdir()} == {
        "recipe.yaml",
        "environment.json",
        "split.json",
        "model.keras",
        "gallery.npz",
        "metrics.csv",
        "metrics.json",
        "logs",
        "report.html",
    }
    recipe = yaml.safe_load(folder.recipe.read_text(encoding="utf-8"))
    assert recipe["seed"] == 0 and recipe["schedule"]["epochs"] == 2 and recipe["data"] == str(photos)
    assert recipe["optimizer"]["init_args"]["beta_1"] == 0.9  # also what was left at its default
    environment = json.loads(folder.environment.read_text(encoding="utf-8"))
    assert environment["tfdml"] == version("tfdml") and environment["keras"] == keras.__version__
    assert environment["backend"] == "tensorflow" and environment["precision"] == "float32"

    history = folder.read_history()
    assert [row["epoch"] for row in history] == [0, 1]
    assert all(np.isfinite(row["loss"]) and 0 <= row["val_map@r"] <= 1 for row in history)
    metrics = json.loads(folder.metrics.read_text(encoding="utf-8"))
    assert list(metrics["test"]) == ["trained", "untrained", "raw pixels"]
    assert metrics["held_out"] == {"by": "classes", "images": 35, "classes": 7}
    assert any(path.stat().st_size for path in folder.logs.rglob("events.out.tfevents.*"))

    page = folder.report.read_text(encoding="utf-8")
    assert "classes were held out" in page and "data:image/" in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)


def test_the_gallery_is_what_the_model_says_of_every_picture(run):
    folder = RunFolder.open(run)
    gallery, model = Gallery.load(folder.gallery), folder.load_model()
    pictures = np.stack([gallery.picture(place) for place in (0, 50, 109)]).astype("float32")
    assert len(gallery.labels) == 110 and len(gallery.class_names) == 22
    np.testing.assert_allclose(
        model.predict(pictures, verbose=0), gallery.embeddings[[0, 50, 109]], atol=1e-5
    )


def test_the_resolved_recipe_gives_the_same_numbers_again(run, tmp_path):
    again = train(*load_recipe(run / "recipe.yaml"), tmp_path / "again", note=lambda _: None, verbose=0)
    first = RunFolder.open(run)
    assert json.loads(again.metrics.read_text()) == json.loads(first.metrics.read_text())
    assert again.read_history() == first.read_history()
    assert again.recipe.read_text() == first.recipe.read_text()


RATE = "--optimizer.learning_rate=2e-4"


@pytest.mark.parametrize("decay", ["constant", "cosine"])
def test_a_recipe_can_be_trained_again_as_each_training_has_its_own_optimizer(decay):
    recipe, _ = load_recipe(overrides=[f"--schedule.decay={decay}", "--schedule.warmup_epochs=0", RATE])
    optimizer = scheduled(recipe.optimizer, recipe.schedule, 5)
    assert optimizer is not recipe.optimizer and type(optimizer) is type(recipe.optimizer)
    assert float(optimizer.learning_rate) == pytest.approx(2e-4)


def test_a_run_whose_loss_is_no_number_stops_and_says_so(write_photos, small, tmp_path):
    photos = write_photos(tmp_path / "photos", 3)
    rate = ["--optimizer.learning_rate=1e30", "--schedule.warmup_epochs=0", "--embedding.normalize=false"]
    recipe = load_recipe(overrides=[*small, "--data", str(photos), *rate])
    with pytest.raises(ValueError, match=r"to stay finite, received: NaN or infinity in epoch \d"):
        train(*recipe, tmp_path / "run", note=lambda _: None, verbose=0)


def test_what_cannot_be_built_leaves_no_folder(photos, small, tmp_path):
    recipe = load_recipe(overrides=[*small, "--data", str(photos), "--backbone.name=nope"])
    with pytest.raises(ValueError, match="name to be a backbone"):
        train(*recipe, tmp_path / "run", note=lambda _: None)
    assert not (tmp_path / "run").exists()


def test_a_folder_takes_the_next_free_name(tmp_path):
    assert next_free(tmp_path / "a") == tmp_path / "a"
    for name in ("a", "a-2"):
        (tmp_path / name).mkdir()
    assert next_free(tmp_path / "a") == tmp_path / "a-3"


def test_history_keeps_columns_that_appear_later(tmp_path):
    folder = RunFolder(tmp_path)
    rows = [{"epoch": 0, "loss": 1.5}, {"epoch": 1, "loss": 0.5, "val_map@r": 0.25}]
    folder.write_history(rows)
    assert folder.read_history() == rows


@pytest.mark.parametrize("name, what", [("model.keras", "saved model"), ("gallery.npz", "gallery")])
def test_a_damaged_file_is_named(tmp_path, name, what):
    folder = RunFolder(tmp_path)
    (tmp_path / name).write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(ValueError, match=rf"{name} to be a {what}|{name}"):
        folder.load_model() if name == "model.keras" else Gallery.load(folder.gallery)
