"""`tfdml evaluate`."""

from tfdml import experiment
from tfdml.cli.parsing import parse
from tfdml.cli.tables import print_figures

OPTIONS = {
    "run": {"type": str, "help": "run folder"},
    "--part": {"choices": ("test", "validation"), "default": "test", "help": "which held-out pictures"},
}


def run(arguments):
    """Measures a trained run again on its held-out pictures, and prints the figures."""
    settings = parse("evaluate", "Measure a trained run on its held-out pictures.", arguments, OPTIONS)
    results = experiment.evaluate(settings.run, settings.part)
    print_figures(results, f"On the {settings.part} pictures of {settings.run}")
