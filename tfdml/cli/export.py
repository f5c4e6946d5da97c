"""`tfdml export`."""

from tfdml import experiment
from tfdml.cli.parsing import parse

OPTIONS = {
    "run": {"type": str, "help": "run folder"},
    "--out": {"type": str, "default": None, "help": "folder to write (default: export in the run)"},
    "--k": {"type": int, "default": 8, "help": "neighbours that its search finds"},
}


def run(arguments):
    """Writes a run as a SavedModel."""
    settings = parse("export", "Write a run as a SavedModel that embeds and searches.", arguments, OPTIONS)
    print(f"SavedModel: {experiment.export(settings.run, settings.out, settings.k)}")
