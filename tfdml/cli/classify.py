"""`tfdml classify`."""

from pathlib import Path

from tfdml import experiment
from tfdml.cli.parsing import parse
from tfdml.cli.tables import print_table
from tfdml.experiment.classifying import ROWS

OPTIONS = {
    "run": {"type": str, "help": "run folder, of a recipe that classifies such as nngk"},
    "pictures": {"type": str, "nargs": "+", "help": "picture files, or folders of them"},
    "--top": {"type": int, "default": 1, "help": "classes to name of each picture"},
    "--out": {"type": str, "default": None, "help": "PNG file to draw (default: classify.png in the run)"},
}


def run(arguments):
    """Prints the classes of pictures, and draws the pictures that voted for them."""
    settings = parse("classify", "Say what pictures show, and which pictures said so.", arguments, OPTIONS)
    out = settings.out or str(Path(settings.run) / "classify.png")
    experiment.check_sheet(out)
    answers = experiment.classify(settings.run, settings.pictures, settings.top)
    rows = []
    for answer in answers:
        for place, (name, probability) in enumerate(answer.classes):
            beside = ("", "") if place else (answer.picture, f"{answer.confidence:.3f}")
            rows.append([beside[0], name, f"{probability:.3f}", beside[1]])
    print_table(["picture", "class", "probability", "confidence"], rows, left=("class",))
    # After the table, which needs neither the pictures of the run nor a place to write.
    missing = experiment.draw_classified(settings.run, answers, out)
    if missing:
        print(f"{missing} pictures that voted are not where they were in training: grey in the sheet.")
    print(f"Sheet: {out}" + (f", of the first {ROWS} pictures" if len(answers) > ROWS else ""))
