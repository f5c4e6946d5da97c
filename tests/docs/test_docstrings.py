"""Every example in a docstring runs, and gives what it says."""

import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path

import keras
import numpy as np
import pytest
from doc_examples import blocks, run_doctest, run_python

import tfdml


def modules():
    yield tfdml
    for found in pkgutil.walk_packages(tfdml.__path__, "tfdml."):
        if found.name != "tfdml.__main__":
            yield importlib.import_module(found.name)


def documented():
    """Every function, class and method of the package with an example, public or not, by its full name."""
    found = {}
    for module in modules():
        for name, value in vars(module).items():
            if (
                not (inspect.isfunction(value) or inspect.isclass(value))
                or value.__module__ != module.__name__
            ):
                continue
            members = vars(value).items() if inspect.isclass(value) else ()
            found[f"{module.__name__}.{name}"] = value
            found.update({f"{module.__name__}.{name}.{n}": m for n, m in members if inspect.isfunction(m)})
    examples = {name: value for name, value in found.items() if has_example(value.__doc__ or "")}
    return [pytest.param(value, id=name) for name, value in sorted(examples.items())]


def has_example(text):
    return ">>> " in text or any(block.language == "python" for block in blocks(text))


@pytest.mark.parametrize("value", documented())
def test_examples_run(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    namespace = {"tfdml": tfdml, "keras": keras, "np": np, "Path": Path, "__name__": "example"}
    text = inspect.getdoc(value)
    test = doctest.DocTestParser().get_doctest(text, namespace, value.__qualname__, value.__module__, 0)
    if test.examples:
        run_doctest(test, namespace)
    for block in blocks(text):
        if block.language == "python":
            run_python(block, namespace, value.__qualname__)


def test_a_wrong_example_fails():
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", "wrong", 0)
    with pytest.raises(AssertionError, match="Expected"):
        run_doctest(test, {})


def test_losses_and_layers_all_have_an_example():
    for package in (tfdml.losses, tfdml.layers, tfdml.callbacks):
        for name in package.__all__:
            if inspect.isclass(value := getattr(package, name)):
                assert has_example(value.__doc__), f"{package.__name__}.{name} has no example"
