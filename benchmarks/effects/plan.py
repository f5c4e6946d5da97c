"""A table of experiments: what varies, what does not, and where the results lie."""

import hashlib
import importlib
import inspect
import itertools
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from tfdml import layers, losses

RESULTS = Path(__file__).parent / "results"

# What every row of a table shares, unless its plan says otherwise.
SETTINGS = {
    "image_size": 32,
    "width": 0.5,  # of small_cnn
    "dim": 128,
    "epochs": 20,
    "learning_rate": 1e-3,
    "classes_per_batch": 32,
    "images_per_class": 4,
    "shift": 0.1,
}


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        plan: Name of the plan.
        data: Name of the image set.
        variant: Name of the variant.
        seed: Integer.
        settings: What decides the result, beside the three before: a dictionary of plain values.
        trial: Number of a trial of hyper-parameters, or `None` for a run that is measured on test classes.
    """

    plan: str
    data: str
    variant: str
    seed: int
    settings: dict
    trial: int | None = None

    @property
    def hash(self):
        """A text that is another one where anything that decides the result is."""
        decides = [self.data, self.variant, self.seed, self.settings, self.trial, defaults(self.settings)]
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def path(self):
        """The JSON file of its result."""
        trial = "" if self.trial is None else f"-trial{self.trial}"
        slug = re.sub(r"\W+", "_", self.variant.replace("+", " plus ")).strip("_").lower()
        return RESULTS / self.plan / self.data / f"{slug}-{self.seed}{trial}.json"

    def result(self):
        """What the run gave, or `None` where it is still to be done, or was done with other settings."""
        if not self.path.is_file():
            return None
        result = json.loads(self.path.read_text(encoding="utf-8"))
        return result if result["hash"] == self.hash else None


@dataclass(frozen=True)
class Plan:
    """What a YAML file says.

    Attributes:
        name, title, about: For the results and the page.
        data: Names of the image sets.
        seeds: Integers.
        variants: `{name: settings}`: `loss` and `head` as `{class: ..., arguments}`, `build` as the path of a
            function, `search` as `{path of a setting: values}`, and any of `SETTINGS`.
        settings: `SETTINGS`, changed, and what a task of its own has beside.
        figure: What is looked at: a figure of the results.
        columns: `{path of a setting: values}`: each variant is run with each value. `None`: as it is.
        skip: `{image set: values of the columns}` that cannot be, as a class has too few pictures.
        search_at: Value of the columns at which hyper-parameters are searched, for all. `None`: at each.
        beside: Further figures that a page has. `None`: those of `tables.BESIDE`, where results have them.
    """

    name: str
    title: str
    about: str
    data: list
    seeds: list
    variants: dict
    settings: dict
    figure: str = "map@r"
    columns: dict | None = None
    skip: dict | None = None
    search_at: object = None
    beside: list | None = None

    @classmethod
    def load(cls, path):
        """The plan in a YAML file."""
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        known = {field: content.pop(field) for field in ("title", "about", "data", "seeds", "variants")}
        optional = ("figure", "columns", "skip", "search_at", "beside")
        known |= {field: content.pop(field) for field in optional if field in content}
        allowed = set(SETTINGS)
        if "task" in content:
            allowed |= {"task", *importlib.import_module(content["task"]).SETTINGS}
        if set(content) - allowed:
            unknown = sorted(set(content) - allowed)
            raise ValueError(f"Expected {path} to set {', '.join(sorted(allowed))}, received: {unknown}")
        return cls(path.stem, **known, settings=SETTINGS | content).spread()

    @property
    def rows(self):
        """Names of the variants, without the values of columns."""
        if not self.columns:
            return list(self.variants)
        return list(dict.fromkeys(self.row_of(name) for name in self.variants))

    def row_of(self, variant):
        """Name of a variant without the value of its column."""
        ((_, values),) = self.columns.items()
        ends = [column_name("", value) for value in values]
        return next(variant.removesuffix(end) for end in ends if variant.endswith(end))

    def spread(self):
        """The plan with a variant for each value of its columns."""
        if not self.columns:
            return self
        ((path, values),) = self.columns.items()
        variants = {}
        for name, settings in self.variants.items():
            for value in values:
                variants[column_name(name, value)] = json.loads(json.dumps(settings))
                put(variants[column_name(name, value)], path, value)
        return replace(self, variants=variants)

    def possible(self, data, variant):
        """Whether a variant can be run on an image set."""
        return not any(variant.endswith(f", {value}") for value in (self.skip or {}).get(data, ()))

    def runs(self, data, variant, seeds=None):
        """The runs of a row; those of a searched row have the hyper-parameters that were chosen."""
        settings = self.chosen(data, variant)
        if settings is None:
            return []
        return [Run(self.name, data, variant, seed, settings) for seed in seeds or self.seeds]

    def trials(self, data, variant):
        """The trials of hyper-parameters of a row, all with the first seed."""
        if self.search_at is not None:
            variant = column_name(self.row_of(variant), self.search_at)
        return [
            Run(self.name, data, variant, self.seeds[0], self._settings(variant, number), number)
            for number in range(len(self._combinations(variant)))
        ]

    def chosen(self, data, variant):
        """The settings of a row, or `None` while trials are missing. Validation classes alone decide."""
        trials = self.trials(data, variant)
        if not trials:
            return self._settings(variant)
        results = [trial.result() for trial in trials]
        if any(result is None for result in results):
            return None
        scores = [result["validation"][self.figure] for result in results]
        return self._settings(variant, scores.index(max(scores)))

    def _combinations(self, variant):
        search = self.variants[variant].get("search", {})
        return list(itertools.product(*search.values())) if search else []

    def _settings(self, variant, trial=None):
        own = {name: value for name, value in self.variants[variant].items() if name != "search"}
        settings = json.loads(json.dumps(self.settings | own))  # a copy
        if trial is not None:
            for path, value in zip(
                self.variants[variant]["search"], self._combinations(variant)[trial], strict=True
            ):
                put(settings, path, value)
        return settings


def column_name(variant, value):
    """Name of a variant with a value of a column."""
    return f"{variant}, {value}"


def defaults(settings):
    """What the loss and the head of a row are in full: a default that changes makes another run."""
    found = {}
    room = {"num_classes": 2, "capacity": 2}
    for part, module, more in (("loss", losses, {}), ("head", layers, room)):
        if part in settings and hasattr(module, settings[part]["class"]):
            taken = inspect.signature(getattr(module, settings[part]["class"])).parameters
            given = {name: value for name, value in more.items() if name in taken}
            config = made(settings[part], module, **given).get_config()
            found[part] = {k: v for k, v in config.items() if k not in ("name", "dtype", *more)}
    return found


def made(described, module, **more):
    """An object from `{class: name, argument: value}`."""
    arguments = dict(described)
    return getattr(module, arguments.pop("class"))(**arguments, **more)


def put(settings, path, value):
    """Sets `settings["a"]["b"]` for the path `"a.b"`."""
    *groups, name = path.split(".")
    for group in groups:
        settings = settings.setdefault(group, {})
    settings[name] = value
