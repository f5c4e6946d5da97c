import keras
import pytest
import yaml

from tfdml import losses
from tfdml.experiment import load_recipe
from tfdml.experiment.recipe_parser import RECIPES


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_recipe_of_the_package_is_one(name):
    recipe, text = load_recipe(name)
    assert isinstance(recipe.loss, losses.MetricLoss)
    assert isinstance(recipe.optimizer, keras.optimizers.Optimizer)
    assert all(isinstance(layer, keras.layers.Layer) for layer in recipe.augmentation)
    assert yaml.safe_load(text)["data"] == recipe.data


def test_the_resolved_recipe_reads_back_as_itself(tmp_path):
    _, text = load_recipe(
        "default", ["--loss", "TripletLoss", "--loss.margin", "0.3", "--schedule.epochs", "2"]
    )
    (tmp_path / "recipe.yaml").write_text(text)
    recipe, again = load_recipe(tmp_path / "recipe.yaml")
    assert again == text
    assert recipe.loss.margin == 0.3 and recipe.schedule.epochs == 2


def test_callbacks_are_made_from_their_names():
    recipe, _ = load_recipe("default", ["--callbacks+", "EarlyStopping", "--callbacks.patience", "3"])
    assert (
        isinstance(recipe.callbacks[0], keras.callbacks.EarlyStopping) and recipe.callbacks[0].patience == 3
    )


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
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        load_recipe(tmp_path / "wrong.yaml")
    assert "\n" not in str(caught.value)
