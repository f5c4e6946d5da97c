"""No public class escapes: each is of a kind whose contracts are tested here or beside it."""

import dataclasses
import inspect

import keras
import pytest

import tfdml
from tfdml.search.index import Index

# Those of `tfdml.continual` that have a configuration are layers, tested in tests/continual/test_heads.py.
ROOMS = (tfdml.layers, tfdml.losses, tfdml.callbacks, tfdml.models, tfdml.metrics, tfdml.search)


def public_classes():
    """Every public class of the rooms whose objects go into `compile` and `fit`, by its full name."""
    return {
        f"{room.__name__}.{name}": value
        for room in ROOMS
        for name in room.__all__
        if inspect.isclass(value := getattr(room, name))
    }


@pytest.mark.parametrize("name", public_classes())
def test_a_public_class_is_of_a_kind_with_contracts(name):
    cls = public_classes()[name]
    kinds = {
        "tfdml.losses": keras.losses.Loss,  # test_losses.py and test_class_losses.py
        "tfdml.layers": keras.layers.Layer,  # test_layers.py
        "tfdml.callbacks": keras.callbacks.Callback,
        "tfdml.models": keras.Model,
    }
    kind = None if cls is tfdml.losses.PairMining else kinds.get(name.rpartition(".")[0])
    assert kind is None or issubclass(cls, kind)
    if kind is None:  # what only holds values, an index, a code, or an argument of losses
        values = dataclasses.is_dataclass(cls) or issubclass(cls, tuple)
        assert values or issubclass(cls, Index | tfdml.search.OPQ | tfdml.losses.PairMining)


CONTINUAL = {n: getattr(tfdml.continual, n) for n in tfdml.continual.__all__}
CONFIGURED = {n: c for n, c in {**public_classes(), **CONTINUAL}.items() if hasattr(c, "get_config")}


@pytest.mark.parametrize("name", CONFIGURED)
def test_what_has_a_configuration_is_registered_with_keras(name):
    cls = CONFIGURED[name]
    if inspect.isabstract(cls) or name in ("tfdml.losses.MetricLoss", "tfdml.losses.ClassLoss"):
        return
    assert keras.saving.get_registered_name(cls) == f"tfdml>{cls.__name__}"


@pytest.mark.parametrize("name", [n for n in public_classes() if n.startswith("tfdml.callbacks")])
def test_a_callback_does_nothing_where_there_is_nothing_to_do(name):
    """Keras calls the hooks of a callback in any order of epochs; none may take more than it is given."""
    cls = public_classes()[name]
    for hook in ("on_epoch_end", "on_epoch_begin", "on_train_begin", "on_train_end"):
        given = inspect.signature(getattr(cls, hook)).parameters
        assert given["logs"].default is None, f"{name}.{hook} cannot be called without logs"
