"""Tables of the pages against what they describe: fields, defaults, files."""

import ast
import inspect
import json
import re

import cv2
import h5py
import numpy as np
import pytest
import yaml
from doc_examples import ROOT, blocks, tfdml

from tfdml import losses
from tfdml.data import ingest_csv
from tfdml.data.catalog import _FILE
from tfdml.experiment import RunFolder, load_recipe, recipe_parser
from tfdml.experiment.recipe_parser import _fields


def page(name):
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def rows(text):
    """First and second cell of the rows of tables, without their code marks."""
    return re.findall(r"^\| `([^|]+)` \| `?([^`|]+?)`? \|", text, re.MULTILINE)


def test_recipe_fields_and_their_values():
    described = dict(rows(page("recipes")))
    fields = {f for f in _fields(recipe_parser()) if f not in ("recipe", "config")}
    assert set(described) == fields
    recipe = yaml.safe_load(load_recipe("default")[1])
    for field, said in described.items():
        value = recipe
        for part in field.split("."):
            value = value[part]
        if isinstance(value, dict):
            assert value["class_path"].rsplit(".", 1)[1] == said, field
        elif field == "augmentation":
            assert said == f"{('no', 'one', 'two', 'three', 'four')[len(value)]} layers"
        elif field == "callbacks":
            assert said == "none" and value == []
        else:
            assert yaml.safe_load(said) == value, field
    for field, argument in (("loss", "temperature"), ("optimizer", "learning_rate")):
        value = recipe[field]["init_args"][argument]
        assert f"`{field}.{argument}` is `{value}`" in page("recipes")


def settings(text):
    """What a program of ours sets: the numbers and names that the default recipe decides."""
    patterns = {
        "dim": r"dim=(\d+)",
        "pooling": r'pooling="(\w+)"',
        "temperature": r"temperature=([\d.]+)",
        "learning_rate": r"(?:Adam\(|else )(\d[\de.-]*)",
        "classes": r"classes_per_batch=(\d+)",
        "images": r"images_per_class=(\d+)",
        "image_size": r'image_size=(\d+)|"IMAGE_SIZE", "(\d+)"',
        "epochs": r'epochs=(\d+)|"EPOCHS", "(\d+)"',
    }
    found = {name: re.search(pattern, text) for name, pattern in patterns.items()}
    assert all(found.values()), found
    return {name: next(group for group in match.groups() if group) for name, match in found.items()}


@pytest.mark.parametrize("name", ["README.md", "docs/quick_start.md", "colab/quickstart.ipynb"])
def test_python_does_what_the_default_recipe_does(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    if name.endswith(".ipynb"):
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    recipe, _ = load_recipe("default")
    said = settings(text)
    assert float(said.pop("learning_rate")) == pytest.approx(float(recipe.optimizer.learning_rate))
    assert float(said.pop("temperature")) == recipe.loss.temperature
    assert said == {
        "dim": str(recipe.embedding.dim),
        "pooling": recipe.embedding.pooling,
        "classes": str(recipe.sampler.classes_per_batch),
        "images": str(recipe.sampler.images_per_class),
        "image_size": str(recipe.image_size),
        "epochs": str(recipe.schedule.epochs),
    }


BASES = losses.MetricLoss, losses.ClassLoss
LOSSES = {n: c for n in losses.__all__ if inspect.isclass(c := getattr(losses, n)) and issubclass(c, BASES)}
LOSSES = {name: cls for name, cls in LOSSES.items() if cls not in BASES}
FAMILIES = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "losses").glob("*.md")}


def section(name):
    """The part of the pages that is about a loss."""
    text = "\n".join(FAMILIES.values())
    (found,) = re.findall(rf"^## {name}\n(.*?)(?=^##? |\Z)", text, re.MULTILINE | re.DOTALL)
    return found


@pytest.mark.parametrize("name", LOSSES)
def test_arguments_of_losses_and_their_defaults(name):
    described = {n: default for n, default in rows(section(name)) if n.isidentifier()}
    parameters = inspect.signature(LOSSES[name]).parameters
    # The first page and that on large batches have these; triplets have their own mining.
    of_all = {"reduction", "name", "dtype", "tile"} | ({"mining"} - described.keys())
    assert described.keys() == parameters.keys() - of_all
    for argument, default in described.items():
        assert ast.literal_eval(default) == parameters[argument].default, argument


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_a_formula_an_example_and_its_line_in_the_table(name):
    shown = blocks(section(name))
    assert any(block.language == "text" for block in shown)
    assert any(name in block.text for block in shown if block.language == "python")
    page = next(page for page, text in FAMILIES.items() if f"\n## {name}\n" in text)
    assert FAMILIES["index.md"].count(f"\n| [{name}]({page}#{name.lower()}) |") == 1
    assert f"(../api/losses.md#tfdml.losses.{name})" in section(name)


def test_files_of_a_run(workshop):
    assert tfdml(["search", "runs/emoji", "picture.png"]) == 0
    listed = set(re.findall(r"^    (\S+?)/? {2,}\S", page("run_folder"), re.MULTILINE))
    present = {path.name for path in (workshop / "runs" / "emoji").iterdir()}
    # The state is gone when the run is complete; only some recipes train a classifier.
    without = {"state", "classifier.keras", "classifier.json", "versions"}
    assert present - {"search.png"} == listed - without
    assert listed == {path.name for key, path in vars(RunFolder("run")).items() if key != "path"}


def test_layout_of_the_hdf5_file(tmp_path):
    text = page("hdf5_file")
    kinds = {name: kind for names, kind in rows(text) for name in names.split("`, `")}
    with h5py.File(ingest_csv(listed(tmp_path), tmp_path / "list.hdf5", size=8)) as file:
        assert set(kinds) == {*file, "classification_split"}
        for name, data in file.items():
            assert kinds[name] == ("bytes" if data.dtype.kind == "S" else data.dtype.name), name
        assert all(f"`{name}`" in text for name in file.attrs)
    with h5py.File(_FILE) as file:
        assert all(f"`{name}`" in text for name in [*file, *file.attrs])


def listed(folder):
    """A list of one picture."""
    cv2.imwrite(str(folder / "a.png"), np.zeros((8, 8, 3), "uint8"))
    (folder / "list.csv").write_text("path,label\na.png,1\n", encoding="utf-8")
    return folder / "list.csv"
