"""The `tfdml` command: which subcommand, and what becomes of its errors.

It stands outside the package because `import tfdml` loads Keras and TensorFlow: `tfdml --help` should
not wait for them, and their greetings can only be silenced before they load.
"""

import argparse
import importlib
import logging
import os
import re
import sys
from contextlib import contextmanager, suppress

COMMANDS = {
    "datasets": "list the image sets that can be downloaded by name",
    "download": "download an image set, or go on with it",
    "ingest": "write an image set, or pictures of your own, to an HDF5 file",
    "train": "train an embedding by a recipe, evaluate it and write a report",
    "evaluate": "measure a trained run on its held-out pictures",
    "search": "find the pictures that are most like one of yours",
    "classify": "say what a picture shows, and which pictures of the run said so",
    "classes": "list the classes of a run; add and drop some without training",
    "export": "write a run as a SavedModel that embeds, searches and classifies",
}


def main(arguments=None):
    """Runs the command line and returns its exit code: 0, 2 for what the user can mend, 130 for Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError):  # of a stream of another kind, or a file that was exchanged
            stream.reconfigure(errors="replace")  # a file's name may hold what the terminal cannot show
    chosen = parser().parse_args(arguments)
    try:
        with quiet():
            command = importlib.import_module(f"tfdml.cli.{chosen.command}")
        return command.run(chosen.arguments) or 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if os.environ.get("TFDML_TRACEBACK") or not mendable(error):
            raise
        print(f"tfdml {chosen.command}: error: {one_line(error)}", file=sys.stderr)
        return 2


def mendable(error):
    """Whether an error is about what the user gave or about the machine, and not a mistake of the program.

    TensorFlow has errors of its own for files that it cannot read or write, and for want of memory.
    """
    kinds = (ValueError, OSError, ImportError, MemoryError)
    return isinstance(error, kinds) or type(error).__module__.startswith("tensorflow.")


def one_line(error):
    """The message of an error and its notes, without line breaks."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    if type(error).__module__.startswith("tensorflow."):
        # An error that came up in the data pipeline stands within, between two traces of the stack.
        inner = re.search(r"^\w*(?:Error|Exception): (.+)$", text, re.MULTILINE)
        text = inner[1] if inner else text
    return " ".join(" ".join([text, *getattr(error, "__notes__", ())]).split())


class Parser(argparse.ArgumentParser):
    """A parser whose errors take one line."""

    def error(self, message):
        # The rest of the line is no argument that a person would miss.
        message = message.removesuffix(", arguments")
        self.exit(2, f"{self.prog}: error: {message} ({self.prog} --help shows what there is)\n")


def parser():
    """The parser of the command's name; each subcommand has a parser of its own."""
    parser = Parser(
        prog="tfdml",
        description="Deep metric learning for Keras 3.",
        epilog="commands:\n" + "\n".join(f"  {name:10}{what}" for name, what in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=Version)
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="what to do, one of those below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="tfdml COMMAND --help shows them")
    return parser


class Version(argparse.Action):
    """Prints the version of the installed package, without importing it."""

    def __init__(self, option_strings, dest, **_):
        super().__init__(option_strings, dest, nargs=0, help="print the version and exit")

    def __call__(self, parser, *_):
        from importlib.metadata import version

        print(f"tfdml {version('tfdml')}")
        parser.exit()


@contextmanager
def quiet():
    """Hides what TensorFlow's libraries write while they load, unless the user set a level to see it."""
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its advice is for those who program it
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
