"""`tfdml export`."""

from tfdml import experiment
from tfdml.cli.datasets import size
from tfdml.cli.parsing import parse

OPTIONS = {
    "run": {"type": str, "help": "run folder"},
    "--out": {"type": str, "default": None, "help": "folder to write (default: export in the run)"},
    "--k": {"type": int, "default": 8, "help": "neighbours that its search finds"},
    "--classifier": {"action": "store_true", "help": "with the classifier of the run"},
    "--bytes": {
        "type": int,
        "default": None,
        "help": "bytes that each embedding takes, such as 16, as codes (default: embeddings as they are)",
    },
}


def run(arguments):
    """Writes a run as a SavedModel."""
    description = "Write a run as a SavedModel that embeds, searches and, with --classifier, classifies."
    settings = parse("export", description, arguments, OPTIONS)
    options = settings.classifier, settings.bytes
    out = experiment.export(settings.run, settings.out, settings.k, *options)
    written = size(sum(file.stat().st_size for file in out.rglob("*") if file.is_file()))
    print(f"SavedModel: {out} ({written})")
