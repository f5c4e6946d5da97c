"""From YAML and flags to a `Recipe`, and errors that a person can act on."""

import dataclasses
import importlib
import inspect
import itertools
import json
import warnings
from argparse import ArgumentError
from contextlib import contextmanager
from pathlib import Path

import keras
from jsonargparse import ActionConfigFile, ArgumentParser, DefaultHelpFormatter

from tfdml import layers, losses
from tfdml.data.catalog import NAMES
from tfdml.experiment.recipe import Recipe
from tfdml.experiment.recipe_errors import explain_error

RECIPES = Path(__file__).parents[1] / "recipes"


class RecipeFile(ActionConfigFile):
    """An option that takes a YAML file, or the name of a recipe that the package brings."""

    def __call__(self, parser, namespace, value, option=None):
        super().__call__(parser, namespace, str(find_recipe(value)), option)


def find_recipe(name):
    """Path of a recipe: a file, or one of the package's by its name.

    Raises:
        ValueError: There is neither.
    """
    names = sorted(p.stem for p in RECIPES.glob("*.yaml"))
    if name in names:
        return RECIPES / f"{name}.yaml"
    if not Path(name).is_file():
        raise ValueError(
            f"Expected recipe to be a YAML file or one of {', '.join(names)}, received: {name!r}"
        )
    return Path(name)


def recipe_parser(**options):
    """A parser with one flag for every field of a recipe."""
    parser = ArgumentParser(exit_on_error=False, print_config=None, formatter_class=Help, **options)
    parser.add_argument(
        "--recipe", action=RecipeFile, help="YAML file, or the name of a recipe of the package"
    )
    # Keras annotates few of its arguments; their names are checked, their values by Keras itself.
    parser.add_class_arguments(Recipe, fail_untyped=False)
    return parser


class Help(DefaultHelpFormatter):
    """Help without what would bury it: defaults (those of a recipe differ) and every layer of Keras."""

    def _get_help_string(self, action):
        return action.help or ""


def parse_recipe(parser, arguments):
    """Settings from command-line arguments: the default recipe, what `--recipe` names, then other flags.

    Raises:
        ValueError: A field or value is wrong; the message, one line, names it and what is allowed.
    """
    recipes, flags = _apart(arguments)
    try:
        with _settled():
            settings = parser.parse_args(["--recipe", "default", *recipes, *flags])
    except ArgumentError as error:
        raise ValueError(explain_error(error, _fields(parser))) from None
    # A run is searched and resumed from other working directories too.
    if settings.data not in NAMES and Path(settings.data).exists():
        settings.data = str(Path(settings.data).resolve())
    if settings.backbone.weights and Path(settings.backbone.weights).is_file():
        settings.backbone.weights = str(Path(settings.backbone.weights).resolve())
    return settings


def _apart(arguments):
    """Recipes and other flags: a flag changes a recipe wherever it stands."""
    recipes, flags, words = [], [], iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name == "--recipe" or name in _CLASSES:
            value = [value] if equals else list(itertools.islice(words, 1))
            kept = recipes if name == "--recipe" else flags
            kept += [name, *(value if name == "--recipe" else map(_CLASSES[name], value))]
        else:
            flags.append(word)
    return recipes, flags


def _with_defaults(*modules):
    """A function from the name of a class to that class with its own defaults.

    By its bare name it would take over what the class before it has under equal names, and a triplet loss
    average as NT-Xent does.
    """

    def expand(name):
        try:
            path, _, last = name.rpartition(".")
            rooms = [importlib.import_module(path)] if path else modules
            found = next(getattr(room, last) for room in rooms if hasattr(room, last))
            parameters = inspect.signature(found).parameters.values()
        except (ImportError, StopIteration, TypeError, ValueError):
            return name  # wrong, or more than a name: the parser will tell
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        return json.dumps({"class_path": name, "init_args": defaults})

    return expand


_CLASSES = {
    "--loss": _with_defaults(losses, keras.losses),
    "--head": _with_defaults(layers, keras.layers),
    "--optimizer": _with_defaults(keras.optimizers),
}


def load_recipe(name="default", overrides=()):
    """A `Recipe` from a YAML file or the name of one of the package's, with fields overridden.

    Args:
        name: Path of a YAML file or name of a recipe. Defaults to `"default"`.
        overrides: Arguments as on the command line, such as `["--loss.margin", "0.1"]`.

    Returns:
        `(recipe, text)`: the `Recipe` and the whole of it as YAML.

    Example:

    >>> recipe, text = tfdml.experiment.load_recipe("small_cnn", ["--schedule.epochs", "2"])
    >>> recipe.backbone.name, recipe.schedule.epochs
    ('small_cnn', 2)
    """
    parser = recipe_parser()
    settings = parse_recipe(parser, ["--recipe", str(name), *overrides])
    return build_recipe(parser, settings), recipe_text(parser, settings)


def build_recipe(parser, settings):
    """The `Recipe` that parsed settings stand for, its loss, optimiser, layers and callbacks made."""
    if settings.head and settings.head.class_path == "tfdml.layers.SampledProxies":
        raise ValueError(
            "Expected head to leave the loss to the recipe, received: SampledProxies, which adds its own"
        )
    try:
        made = parser.instantiate(settings)
        return Recipe(**{field.name: made[field.name] for field in dataclasses.fields(Recipe)})
    except (TypeError, ValueError) as error:
        raise ValueError(explain_error(error, _fields(parser))) from None


def recipe_text(parser, settings):
    """The recipe as YAML, which `--recipe` reads again."""
    recipe = settings.clone(with_meta=False)
    for name in set(vars(recipe)) - {field.name for field in dataclasses.fields(Recipe)}:
        del recipe[name]  # an option of the command, such as where to write
    with _settled():
        return parser.dump(recipe, skip_default=False, skip_none=False, skip_validation=True)


@contextmanager
def _settled():
    """Without the warnings of jsonargparse about its own future."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _fields(parser):
    """Names of the fields that hold a value, not of their groups."""
    names = [action.dest for action in parser._actions]
    names = [name for name in names if not name.endswith("help") and not name.startswith("print_")]
    return [name for name in names if not any(other.startswith(f"{name}.") for other in names)]
