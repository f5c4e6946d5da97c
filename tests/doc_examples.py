"""What the documentation shows, taken from it and executed."""

import doctest
import re
import shlex
import textwrap
from pathlib import Path
from typing import NamedTuple

import tfdml_command

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

# What a test changes in a page's Python: the small network, an epoch and little pictures, in place of those
# that take minutes. Nothing else differs from what a reader copies.
SMALLER = (
    (r'"efficientnet_lite0"', '"small_cnn"'),
    (r"\bepochs=\d+", "epochs=1"),
    (r"\bimage_size=\d+", "image_size=16"),
)

# The same for `tfdml train`, after the line's own arguments.
SMALL_NETWORK = ["--backbone.name", "small_cnn", "--backbone.weights", "null", "--image_size", "16"]
SMALL_TRAINING = [
    "--schedule.epochs",
    "1",
    "--sampler.classes_per_batch",
    "8",
    "--sampler.images_per_class",
    "2",
]

_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """A block of code: its language, its text, and the line on which the text begins."""

    language: str
    text: str
    line: int


def blocks(text):
    """The blocks between fences, in order."""
    return [
        Block(match[2], textwrap.dedent(match[3]), text.count("\n", 0, match.start()) + 2)
        for match in _FENCE.finditer(text)
    ]


def run_python(block, namespace, source):
    """Executes a block: as a session if it has prompts, whose results are compared, else as a program."""
    if ">>> " in block.text:
        test = doctest.DocTestParser().get_doctest(
            block.text, namespace, str(source), str(source), block.line
        )
        return run_doctest(test, namespace)
    exec(compile("\n" * (block.line - 1) + block.text, str(source), "exec"), namespace)
    return None


def run_doctest(test, namespace):
    """Runs the examples of a doctest, which leave their names in the namespace; fails as pytest does."""
    test.globs = namespace
    said = []
    runner = doctest.DocTestRunner(optionflags=_OPTIONS, verbose=False)
    failed, _ = runner.run(test, out=said.append, clear_globs=False)
    assert not failed, "".join(said)


def smaller(block):
    """A page's Python with the budget of a test."""
    text = block.text
    for full, small in SMALLER:
        text = re.sub(full, small, text)
    return block._replace(text=text)


def commands(block):
    """The commands of a block of shell, a list of words each; `a && b` are two."""
    text = block.text.replace("\\\n", " ")
    lines = [part for line in text.splitlines() for part in line.split("&&")]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def tfdml(words):
    """Runs the `tfdml` command in this process; its exit code."""
    try:
        return tfdml_command.main(words)
    except SystemExit as end:  # of --help, --version and --print_config
        return end.code or 0


def trained_small(words):
    """The arguments of a `tfdml train` line with the budget of a test."""
    small = [*words, *SMALL_NETWORK, *SMALL_TRAINING]
    if "--data" in words:
        return small
    # The embedded set takes half a minute to evaluate and to draw; a few of its pictures show the same.
    from tfdml.experiment import next_free

    # Beside the runs that are there for all pages.
    out = words[words.index("--out") + 1] if "--out" in words else "runs/emoji"
    return [*small, "--data", "photos", "--out", str(next_free(out))]
