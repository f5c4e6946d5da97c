import keras
import pytest
import yaml

from tfdml import losses
from tfdml.experiment import load_recipe
from tfdml.experiment.recipe_parser import RECIPES

STOP = ["--callbacks+", "EarlyStopping"]


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_recipe_of_the_package_is_one(name):
    recipe, text = load_recipe(name)
    assert isinstance(recipe.loss, losses.MetricLoss | keras.losses.SparseCategoricalCrossentropy)
    assert isinstance(recipe.optimizer, keras.optimizers.Optimizer)
    assert all(isinstance(layer, keras.layers.Layer) for layer in recipe.augmentation)
    assert yaml.safe_load(text)["data"] == recipe.data


def test_the_resolved_recipe_reads_back_as_itself(tmp_path):
    _, text = load_recipe(
        "default", ["--loss", "TripletLoss", "--loss.margin", "0.3", "--schedule.epochs", "2"]
    )
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    recipe, again = load_recipe(tmp_path / "recipe.yaml")
    assert again == text
    assert recipe.loss.margin == 0.3 and recipe.schedule.epochs == 2


def test_callbacks_are_made_from_their_names():
    recipe, _ = load_recipe("default", [*STOP, "--callbacks.monitor=loss", "--callbacks.patience=3"])
    (callback,) = recipe.callbacks
    assert isinstance(callback, keras.callbacks.EarlyStopping) and callback.patience == 3


def test_flags_change_a_recipe_wherever_they_stand():
    flag, file = ["--loss.temperature", "0.2"], ["--recipe", "small_cnn"]
    after, before = load_recipe(overrides=file + flag), load_recipe(overrides=flag + file)
    assert after[1] == before[1] and before[0].loss.temperature == 0.2
    assert before[0].backbone.name == "small_cnn"
    assert load_recipe(overrides=[*flag, "--recipe=small_cnn"])[1] == after[1]


def test_another_loss_or_optimizer_starts_from_its_own_defaults(tmp_path):
    """Arguments of equal names are not those of the class before it."""
    (tmp_path / "triplet.yaml").write_text("loss: {class_path: TripletLoss, init_args: {margin: 0.2}}")
    (tmp_path / "whole.yaml").write_text(load_recipe()[1])
    cases = (
        (load_recipe(overrides=["--loss", "TripletLoss"])[0], 0.1),
        (load_recipe(overrides=["--loss=tfdml.losses.TripletLoss", "--loss.margin=0.3"])[0], 0.3),
        (load_recipe(tmp_path / "whole.yaml", ["--loss", "TripletLoss", "--loss.margin", "0.4"])[0], 0.4),
        (load_recipe(tmp_path / "triplet.yaml")[0], 0.2),
    )
    for recipe, margin in cases:
        assert recipe.loss.name == "triplet_loss" and recipe.loss.average == "nonzero"
        assert recipe.loss.margin == margin
    recipe, _ = load_recipe(overrides=["--optimizer", "SGD", "--optimizer.momentum", "0.9"])
    config = recipe.optimizer.get_config()
    assert config["name"].lower().startswith("sgd")  # Keras counts them
    assert config["momentum"] == 0.9
    assert config["learning_rate"] == keras.optimizers.SGD().get_config()["learning_rate"]


def test_lists_are_replaced_and_extended(tmp_path):
    assert load_recipe(overrides=["--augmentation=[]"])[0].augmentation == []
    recipe, _ = load_recipe(
        overrides=[
            "--augmentation+=RandomFlip",
            "--augmentation.mode=horizontal",
            "--evaluation.recall_at=[1, 3]",
        ]
    )
    assert [type(layer).__name__ for layer in recipe.augmentation][-2:] == ["RandomZoom", "RandomFlip"]
    assert recipe.augmentation[-1].mode == "horizontal" and recipe.evaluation.recall_at == [1, 3]


def test_folders_and_files_are_found_from_elsewhere_too(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    (tmp_path / "w.keras").touch()
    monkeypatch.chdir(tmp_path)
    recipe, text = load_recipe(overrides=["--data=photos", "--backbone.weights=w.keras"])
    assert recipe.data == str(tmp_path / "photos") and recipe.backbone.weights == str(tmp_path / "w.keras")
    assert yaml.safe_load(text)["data"] == recipe.data


@pytest.mark.parametrize(
    "overrides, message",
    [
        (["--bogus", "1"], r"a field of the recipe, received: bogus \(allowed: .*schedule\.epochs"),
        (["--backbone.nme", "x"], r"received: backbone\.nme \(did you mean backbone\.name\?\)"),
        (["--loss", "Nope"], r"loss to be a loss of tfdml: .*TripletLoss.*, received: Nope"),
        (["--loss", "keras.losses.MeanSquaredError"], r"loss to be a loss of tfdml"),
        (["--loss", "TripletLoss", "--loss.margin", "-1"], r"margin .* received: -1"),
        (
            ["--loss", "TripletLoss", "--loss.margn", "1"],
            r"argument of TripletLoss \(margin, .*received: margn",
        ),
        (["--seed", "x"], r"seed to be an integer, received: x"),
        (["--embedding.dim", "x"], r"embedding\.dim to be an integer or null, received: x"),
        (["--schedule.decay", "step"], r"schedule\.decay to be one of 'cosine', 'constant', received: step"),
        (["--schedule.epochs", "0"], r"schedule\.epochs to be 1 or more, received: 0"),
        (["--sampler.images_per_class", "1"], r"sampler\.images_per_class to be 2 or more, received: 1"),
        (["--loss", "TripletLoss", "--loss.margin", ".nan"], r"margin .* received: nan"),
        (["--optimizer.learning_rate", "-1"], r"optimizer\.learning_rate .*above 0, received: -1"),
        (["--optimizer.learning_rate", ".nan"], r"optimizer\.learning_rate .*above 0, received: nan"),
        (["--optimizer.learning_rat", "1"], r"argument of Adam .*received: learning_rat"),
        (["--embedding.dim", "0"], r"embedding\.dim to be 1 or more, received: 0"),
        (["--seed", "-1"], r"seed to be 0 or more, received: -1"),
        (["--seed", "4294967296"], r"seed to be 4294967295 or less"),
        (["--schedule.warmup_epochs", ".nan"], r"warmup_epochs to be 0 or more, received: nan"),
        (["--schedule.warmup_epochs", ".inf"], r"warmup_epochs to be \d+ or less, received: inf"),
        (["--evaluation.recall_at", "[]"], r"recall_at to be 1 or more"),
        (["--evaluation.recall_at", "[1, 0]"], r"recall_at to be 1 or more, received: 0"),
        ([*STOP], r"monitor of EarlyStopping to be loss, .*val_map@r.*received: val_loss"),
        ([*STOP, "--callbacks.monitor=val_map@r"], r"mode of EarlyStopping to be max .*received: auto"),
        (
            ["--schedule.decay=cosine", "--callbacks+=ReduceLROnPlateau", "--callbacks.monitor=loss"],
            r"schedule\.decay to be constant",
        ),
        (["--loss", "TripletLoss", "--loss.margin", "NaN"], r"margin .* received: 'NaN'"),
        (["--recipe", "nope"], r"recipe to be a YAML file or one of default, .*received: 'nope'"),
    ],
)
def test_a_wrong_field_or_value_is_named_on_one_line(overrides, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_recipe("default", overrides)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text, message",
    [
        ("image_sze: 3", r"received: image_sze \(did you mean image_size\?\)"),
        ("backbone: {nam: x}", r"received: backbone\.nam"),
        ("loss: {class_path: TripletLoss, init_args: {margin: -1}}", r"margin .* received: -1"),
        ("a: [b", r"parsing"),
        ("just words", r".+"),
    ],
)
def test_a_wrong_file_is_refused_on_one_line(tmp_path, text, message):
    (tmp_path / "wrong.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        load_recipe(tmp_path / "wrong.yaml")
    assert "\n" not in str(caught.value)
