"""`tfdml train`."""

import json
import sys
from pathlib import Path

from tfdml import experiment
from tfdml.cli.tables import print_figures


def run(arguments):
    """Trains by a recipe, or goes on with a run that was interrupted."""
    parser = experiment.recipe_parser(
        prog="tfdml train",
        description="Train an embedding by a recipe, evaluate it on unseen classes and write a report.",
    )
    parser.add_argument("--out", type=str, default=None, help="run folder (default: runs/NAME-OF-THE-DATA)")
    parser.add_argument(
        "--resume", type=str, default=None, metavar="RUN", help="go on with an interrupted run"
    )
    settings = experiment.parse_recipe(parser, arguments)
    if settings.resume:
        if len(arguments) > (1 if "=" in arguments[0] else 2):
            raise ValueError(
                "Expected --resume alone (a run keeps its recipe), received: other arguments with it"
            )
        finished = _watched(settings.resume, lambda: experiment.resume(settings.resume))
    else:
        recipe = experiment.build_recipe(parser, settings)
        out = settings.out or experiment.next_free(Path("runs") / Path(recipe.data).resolve().name)
        finished = _watched(
            out, lambda: experiment.train(recipe, experiment.recipe_text(parser, settings), out)
        )
    print_figures(json.loads(finished.metrics.read_text())["test"], "On held-out pictures")
    print(f"Report: {finished.report}")


def _watched(folder, work):
    try:
        return work()
    except KeyboardInterrupt:
        print(f"\nInterrupted. To go on: tfdml train --resume {folder}", file=sys.stderr)
        raise
