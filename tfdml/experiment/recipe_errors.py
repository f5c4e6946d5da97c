"""What a wrong recipe is told: jsonargparse's reports in one line, with what would have been right."""

import difflib
import importlib
import inspect
import re

from tfdml import losses

_BASES = losses.MetricLoss, losses.ClassLoss


def _is_loss(thing):
    """Whether it is a class of losses that a recipe can have."""
    return isinstance(thing, type) and issubclass(thing, _BASES) and thing not in _BASES


_ANY_CLASS = {
    "optimizer": "a class of keras.optimizers, such as Adam",
    "head": "null or a layer of class weights: Proxies, CosineHead; or a classifier: NNGKClassifier, Dense",
    "augmentation": "classes of keras.layers, such as RandomFlip",
    "callbacks": "classes of keras.callbacks, such as EarlyStopping",
    "loss": "a loss of tfdml: "
    + ", ".join(name for name in losses.__all__ if _is_loss(getattr(losses, name)))
    + "; SparseCategoricalCrossentropy where head classifies",
}
_TYPES = {
    "int": "an integer",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "NoneType": "null",
}


def explain_error(error, fields):
    """One line that names the field, what came and what is allowed.

    Args:
        error: What jsonargparse or a constructor raised.
        fields: Names of all fields of the recipe.
    """
    text = str(error)
    for explain in (_unknown_argument, _unknown_field, _unknown_class, _wrong_value):
        if line := explain(text, fields):
            return line
    return " ".join(text.split())


def _unknown_argument(text, _):
    path = re.search(r"class_path[ =]'([\w.]+)'", text)
    option = re.search(r"Option '(\w+)' is not accepted", text)
    if not (path and option):
        return None
    module, _, name = path[1].rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    # How many classes and samples there are, the training set says.
    given = "num_classes", "units", "capacity", "kwargs"
    allowed = ", ".join(p for p in parameters if p not in given)
    return f"Expected an argument of {name} ({allowed}), received: {option[1]}"


def _unknown_field(text, fields):
    group = re.search(r"Group '([\w.]+)' does not accept option '(\w+)'", text)
    other = re.search(r"unrecognized arguments: --([\w.]+)|Option '(\w+)' is not accepted", text)
    if not (group or other):
        return None
    field = f"{group[1]}.{group[2]}" if group else other[1] or other[2]
    near = difflib.get_close_matches(field, fields, n=1)
    siblings = [f for f in fields if f.startswith(f"{field.split('.')[0]}.")]
    hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(siblings or fields)}"
    return f"Expected a field of the recipe, received: {field} ({hint})"


_PATH = re.compile(
    r"Expected a dot import path string: (\S+)|(?:class_path|Import path) '?([\w.]+)|"
    r"Expected '([\w.]+)' to be a subclass"
)


def _unknown_class(text, _):
    key = re.search(r'Parser key "(\w+)"', text)
    path = _PATH.search(text)
    if not (key and path and key[1] in _ANY_CLASS):
        return None
    expected = f"{_ANY_CLASS[key[1]]}; or the import path of one"
    return f"Expected {key[1]} to be {expected}, received: {next(filter(None, path.groups()))}"


def _wrong_value(text, _):
    key = re.search(r'Parser key "([\w.]+)"', text)
    kinds = re.findall(r"Expected a (?:<class '([\w.]+)'>|typing\.Literal\[(.*?)\])", text)
    value = re.search(r"Got value: (.*)|Given value: (.*)", text)
    if not (key and kinds and value):
        return None
    allowed = " or ".join(
        _TYPES.get(kind, kind) or f"one of {choices}" for kind, choices in dict.fromkeys(kinds)
    )
    return f"Expected {key[1]} to be {allowed}, received: {value[1] or value[2]}"
