"""README, CONTRIBUTING and every page of docs/: what they show runs, line after line, page by page.

A page is executed from its first block to its last in a folder such as a reader has (`conftest.py`), shell
and Python alike. `doc_examples.py` holds the few substitutions that make it a matter of seconds.
"""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from doc_examples import PAGES, ROOT, blocks, commands, run_python, smaller, tfdml, trained_small

from tfdml.data.catalog import SETS, check_name
from tfdml.experiment import build_recipe, load_recipe, parse_recipe, recipe_parser

EXECUTED = [
    page for page in PAGES if any(b.language in ("bash", "python", "yaml") for b in blocks(page.read_text()))
]


@pytest.mark.parametrize("page", EXECUTED, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page_runs(page, workshop):
    namespace = {"__name__": "page"}
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "python":
            run_python(smaller(block), namespace, page.name)
        elif block.language == "bash":
            for words in commands(block):
                run_command(words)
        elif block.language == "yaml":
            Path("recipe.yaml").write_text(block.text, encoding="utf-8")
            assert_recipe_holds(yaml.safe_load(block.text), yaml.safe_load(load_recipe("recipe.yaml")[1]))


def assert_recipe_holds(shown, resolved, name=None):
    """A recipe that a page shows is one, and what it says is in the recipe that comes of it."""
    if isinstance(shown, dict):
        for key, value in shown.items():
            assert_recipe_holds(value, resolved[key], key)
    elif isinstance(shown, list):
        for part, whole in zip(shown, resolved, strict=True):
            assert_recipe_holds(part, whole)
    else:
        # A folder is resolved, so that a run can be resumed from elsewhere.
        assert resolved == (str(Path(shown).resolve()) if name == "data" else shown)


def test_blocks_say_what_they_are():
    """A block without a known language would be shown, but not executed."""
    for page in PAGES:
        languages = {block.language for block in blocks(page.read_text(encoding="utf-8"))}
        assert languages <= {"bash", "python", "yaml", "text"}, page


def run_command(words):
    """Executes a line of shell, or checks one that would change the machine that the tests run on."""
    program, *rest = words
    if program == "tfdml":
        run_tfdml(rest)
    elif words[:4] == ["python", "-m", "pip", "install"] or words[:4] == ["python", "-m", "pip", "download"]:
        check_pip(rest[3:])
    elif words[:3] == ["python", "-m", "pytest"]:
        paths = [word for word in rest[2:] if word.startswith("tests")]
        assert all((ROOT / path).exists() for path in paths), words
    elif words[:2] == ["python", "-m"] and words[2].startswith("benchmarks."):
        # What takes hours has its own tests; here, that there is such a program and such a plan.
        module = ROOT.joinpath(*words[2].split("."))
        assert module.with_suffix(".py").is_file() or (module / "__main__.py").is_file(), words
        assert all((ROOT / word).is_file() for word in rest if word.endswith(".yaml")), words
    elif program in CONSOLE:
        assert set(rest) <= CONSOLE[program], words
    else:
        raise AssertionError(f"a page shows a command that no test knows: {' '.join(words)}")


# Programs of the extras with the arguments that pages show: they are run by .ci/run, or need a browser.
CONSOLE = {
    ".ci/run": set(),
    "ruff": {"check", "format"},
    "lint-imports": set(),
    "mkdocs": {"serve", "build", "--strict"},
    "tensorboard": {"--logdir", "runs/emoji/logs"},
    "jupyter": {"lab", "colab/quickstart.ipynb"},
}


TRAINED = set()
FEWER = {"20": "2"}  # classes that are drawn, of a set made small


def run_tfdml(words):
    if words[0] == "download":  # there is no internet; the name is one
        check_name(*words[1:], tuple(SETS))
        return
    if words[0] == "ingest":
        assert tfdml([FEWER.get(word, word) for word in words]) == 0
        return
    if words[0] != "train" or {"--resume", "--print_config"} & set(words):
        assert tfdml(words) == 0
        return
    parser = recipe_parser()  # as the line is written, before it is made small
    parser.add_argument("--out")
    build_recipe(parser, parse_recipe(parser, words[1:]))
    if tuple(words) not in TRAINED:  # a line that several pages show trains once
        TRAINED.add(tuple(words))
        assert tfdml(["train", *trained_small(words[1:])]) == 0


def check_pip(words):
    """The extras that an install line names are those of setup.cfg."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    known = set(setup["options.extras_require"])
    target = next(word for word in words if word.startswith((".", setup["metadata"]["name"])))
    extras = re.search(r"\[(.*)\]", target)
    named = set(extras[1].split(",")) if extras else set()
    assert named <= known, f"{target}: the extras of setup.cfg are {', '.join(sorted(known))}"


def test_an_unknown_extra_is_noticed():
    with pytest.raises(AssertionError, match="extras of setup"):
        check_pip([".[nothing]"])


def test_readme_shows_the_two_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert 'python -m pip install ".[pretrained]" && tfdml train\n' in text
    assert 'python -m pip install -e ".[test]" && python -m pytest\n' in text


def test_export_answers_where_tfdml_is_not_imported(workshop):
    """The README's four lines of plain TensorFlow, in a process of their own that refuses to import tfdml."""
    assert tfdml(["export", "runs/emoji"]) == 0
    found = [
        b for b in blocks((ROOT / "README.md").read_text(encoding="utf-8")) if "saved_model.load" in b.text
    ]
    program = "import sys\nsys.modules['tfdml'] = sys.modules['keras'] = None\n" + found[0].text
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "class" in done.stdout
