"""The API reference holds every public name, and the site is built without a warning or a look elsewhere."""

import importlib
import inspect
import os
import re
import subprocess
import sys

import pytest
from doc_examples import ROOT

import tfdml

PACKAGES = sorted(set(tfdml.__all__) - {"__version__"})


def entries(package):
    """The objects that the page of a package documents, by the names that it shows them under."""
    text = (ROOT / "docs" / "api" / f"{package}.md").read_text(encoding="utf-8")
    found = re.findall(r"^::: (\S+)(?:\n    options:\n      heading: (\S+))?", text, re.MULTILINE)
    return {heading or path: resolve(path) for path, heading in found}


def resolve(path):
    """What a dotted path stands for to mkdocstrings: where a module and a function share it, the module."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        parent, _, name = path.rpartition(".")
        return getattr(resolve(parent), name)


def public_names(package):
    """The public objects of a package by their full names; a module that is public stands for its own."""
    found = {}
    for name in getattr(resolve(package), "__all__", ()):
        value = getattr(resolve(package), name)
        inner = public_names(f"{package}.{name}") if inspect.ismodule(value) else {f"{package}.{name}": value}
        found.update(inner)
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_in_the_reference(package):
    public = public_names(f"tfdml.{package}")
    assert public
    documented = entries(package)
    assert set(documented) == set(public)
    for name, value in public.items():
        assert documented[name] is value, name


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_a_docstring(package):
    public = public_names(f"tfdml.{package}")
    assert not [name for name, value in public.items() if callable(value) and not value.__doc__]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")
    pytest.importorskip("mkdocstrings", reason="the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.parametrize("package", PACKAGES)
def test_the_site_shows_every_public_name(site, package):
    page = (site / "api" / package / "index.html").read_text(encoding="utf-8")
    headings = [re.sub(r"<[^>]+>", " ", h).split()[0] for h in re.findall(r"<h3.*?</h3>", page, re.DOTALL)]
    assert set(public_names(f"tfdml.{package}")) <= set(headings)
    assert "<blockquote>" not in page, "an example was read as a quotation"


def test_the_site_fetches_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(r"<(?:script|img|iframe)[^>]* src=\"(?:https?:)?//[^\"]*", text)
        fetched += re.findall(
            r"<link[^>]*rel=\"(?:stylesheet|preconnect|icon)\"[^>]*href=\"(?:https?:)?//[^\"]*", text
        )
        fetched += re.findall(
            r"<link[^>]*href=\"(?:https?:)?//[^>]*rel=\"(?:stylesheet|preconnect|icon)\"", text
        )
        assert not fetched, f"{page.relative_to(site)}: {fetched}"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", sheet.read_text(encoding="utf-8")), sheet
