"""`tfdml search`."""

from pathlib import Path

from tfdml import experiment
from tfdml.cli.parsing import parse
from tfdml.cli.tables import print_table

OPTIONS = {
    "run": {"type": str, "help": "run folder"},
    "picture": {"type": str, "help": "picture file"},
    "--k": {"type": int, "default": 8, "help": "how many to find"},
    "--out": {"type": str, "default": None, "help": "PNG file to draw (default: search.png in the run)"},
}


def run(arguments):
    """Prints the pictures of a run's data that are most like another one, and draws them."""
    settings = parse("search", "Find the pictures most like one of yours.", arguments, OPTIONS)
    out = settings.out or str(Path(settings.run) / "search.png")
    experiment.check_sheet(out)
    matches = experiment.find_similar(settings.run, settings.picture, settings.k)
    rows = [[str(i), m.class_name, f"{m.distance:.3f}", m.source] for i, m in enumerate(matches, 1)]
    print_table(["", "class", "distance", "source"], rows, f"Most like {settings.picture}")
    # After the table, which needs neither the pictures of the run nor a place to write.
    missing = experiment.draw_matches(settings.run, settings.picture, matches, out)
    if missing:
        print(f"{missing} of {len(matches)} pictures are not where they were in training: grey in the sheet.")
    print(f"Sheet: {out}")
